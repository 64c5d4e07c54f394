# Blocks as pipelines have them; an empty line with a name begins each. Each is run on every event of events.jsonl.

#: milliseconds
event.set('ms', event.get('took').to_f * 1000)

#: seconds to whole
event.set('seconds', (event.get('took').to_f / 1000).round(3)) if event.get('took')

#: sum of two
event.set('bytes_total', event.get('bytes_in').to_i + event.get('bytes_out').to_i)

#: ratio with a guard
out = event.get('bytes_out').to_f
total = out + event.get('bytes_in').to_f
event.set('ratio', total > 0 ? (out / total).round(4) : 0.0)

#: plus without a guard
event.set('sum', event.get('bytes_in') + event.get('bytes_out'))

#: local hour
event.set('hour', event.get('@timestamp').time.hour)

#: index by the day
event.set('day', event.get('@timestamp').time.strftime('%Y.%m.%d'))

#: eight hours on
event.set('there', event.get('@timestamp').time + 8 * 60 * 60)
event.set('@timestamp', event.get('there'))
event.remove('there')

#: timestamp from a number
event.set('@timestamp', LogStash::Timestamp.at(event.get('epoch'))) unless event.get('epoch').nil?

#: age
event.set('age', Time.at(1600000000).to_f - event.get('@timestamp').to_f)

#: lower case of all keys
event.to_hash.each do |key, value|
  next if key.start_with?('@')
  lower = key.downcase
  if lower != key
    event.set(lower, value)
    event.remove(key)
  end
end

#: drop empty fields
event.to_hash.each { |k, v| event.remove(k) if v.nil? || v == '' || (v.respond_to?(:empty?) && v.empty?) }

#: prefix all
renamed = {}
event.to_hash.each do |k, v|
  next if ['@timestamp', '@version'].include?(k)
  renamed["app_#{k}"] = v
  event.remove(k)
end
event.set('renamed', renamed)

#: dots to underscores
event.to_hash.keys.each { |k| event.set(k.gsub('.', '_'), event.remove(k)) if k.include?('.') }

#: pairs of a list to a hash
result = {}
(event.get('pairs') || []).each { |p| result[p['name']] = p['value'] }
event.set('by_name', result)

#: list of hashes, one key
event.set('names', event.get('pairs').map { |p| p['name'] }.compact.uniq.sort) if event.get('pairs')

#: hash to list
rows = []
h = event.get('nested')
h.each { |k, v| rows << { 'key' => k, 'value' => v.to_s } } if h.is_a?(Hash)
event.set('rows', rows)

#: split a message
parts = event.get('message').split(/\s+/, 3)
event.set('first', parts[0])
event.set('rest', parts[2]) if parts.length > 2

#: key and value of a message
kv = Hash[event.get('message').scan(/(\w+)=(\S+)/)]
kv.each { |k, v| event.set("[kv][#{k}]", v) }

#: message in place
event.get('message').gsub!(/\d/, '#')

#: appended in place
m = event.get('message')
m << ' (seen)' unless m.frozen?

#: stripped in place
s = event.get('padded')
s.strip! if s
event.set('copy', s)

#: copy is not changed
m = event.get('message').dup
m << 'x'
event.set('changed', m)

#: a list of an event is a copy
list = event.get('tags')
list << 'more' if list
event.set('count', list.length) if list

#: text in a list is shared
list = event.get('tags')
list.first.upcase! if list && list.first

#: text set is shared
t = 'begin'
event.set('t', t)
t << ' end'

#: tag by level
case event.get('level')
when 'ERROR', 'FATAL' then event.tag('alert')
when /warn/i
  event.tag('warning')
when nil
  event.tag('no_level')
else
  event.tag('fine')
end

#: case by class
v = event.get('took')
kind = case v
       when Integer then 'integer'
       when Float then 'float'
       when String then 'string'
       when Array, Hash then 'many'
       when NilClass then 'nothing'
       end
event.set('kind', kind)

#: case by range
code = event.get('status').to_i
event.set('class', case code
                   when 200...300 then 'ok'
                   when 300..399 then 'redirect'
                   when 400..499, 500..599 then 'error'
                   else 'other'
                   end)

#: case without a subject
n = event.get('status').to_i
case
when n == 0 then event.set('z', 'none')
when n < 400 then event.set('z', 'low')
else event.set('z', 'high')
end

#: cancel
event.cancel if event.get('status').to_s == '404'

#: cancel by a pattern
event.cancel unless event.get('message') =~ /\w/

#: groups of a match
if event.get('message') =~ /user=(\w+)/
  event.set('user', $1)
end

#: named groups
m = /(?<who>\w+)@(?<where>[\w.]+)/.match(event.get('message'))
if m
  event.set('who', m['who'])
  event.set('where', m[:where])
end

#: parse JSON
begin
  parsed = JSON.parse(event.get('json'))
  event.set('parsed', parsed)
rescue JSON::ParserError, TypeError
  event.tag('_bad_json')
end

#: rescue and message
begin
  Integer(event.get('took'))
  event.set('fine', true)
rescue ArgumentError, TypeError => e
  event.set('failed', e.message)
ensure
  event.set('done', true)
end

#: rescue else
begin
  x = 10 / event.get('status').to_i
rescue ZeroDivisionError => e
  event.set('why', e.message)
else
  event.set('x', x)
end

#: raised
raise 'nothing to do' if event.get('level').nil?

#: raised of a class
raise ArgumentError, "status #{event.get('status')}" if event.get('status')

#: raised and rescued
begin
  raise ArgumentError.new('odd')
rescue => e
  event.set('e', "#{e.class}: #{e.message}")
end

#: not defined
event.get('nothing').upcase

#: not a number
event.set('x', event.get('message') * event.get('message'))

#: nil plus
event.set('x', event.get('none') + 1)

#: text plus number
event.set('x', event.get('message') + 1)

#: number plus text
event.set('x', 1 + event.get('message'))

#: number plus nil
event.set('x', 1 + event.get('none'))

#: comparison that fails
event.set('x', event.get('none') > 1)

#: comparison of a number and a text
event.set('x', 5 > 'a')

#: timestamp of a wrong type
event.set('@timestamp', 'yesterday')

#: index of nil
event.get('none')['a']

#: missing key
event.get('nested').fetch('nope')

#: nested fields
event.set('[a][b][c]', event.get('[nested][inner][deep]'))
event.set('[a][x]', event.get('[nested][none][deep]'))
event.remove('[nested][inner]')

#: element of a list
event.set('second', event.get('[tags][1]'))
event.set('[tags][0]', 'first')

#: include
event.set('has', [event.include?('message'), event.include?('nope'), event.include?('[nested][inner]')])

#: default value
event.set('level', event.get('level') || 'INFO')
event.set('zone', event.get('zone') || event.get('[nested][zone]') || 'none')

#: or equals
counts = {}
event.get('message').to_s.each_char { |c| counts[c] ||= 0; counts[c] += 1 }
event.set('counts', counts.select { |_, n| n > 1 })

#: counting hash
counts = Hash.new(0)
event.get('message').to_s.split.each { |w| counts[w.downcase] += 1 }
event.set('counts', counts.sort_by { |w, n| [-n, w] }.first(3).to_h)

#: hash with a block
groups = Hash.new { |hash, key| hash[key] = [] }
event.get('message').to_s.scan(/\w+/) { |w| groups[w.length] << w }
event.set('groups', groups)

#: while loop
i = 0
sum = 0
while i < 10
  i += 1
  next if i.odd?
  break if i > 8
  sum += i
end
event.set('sum', sum)

#: until loop
n = event.get('status').to_i
steps = 0
until n <= 1
  n = n.even? ? n / 2 : n - 1
  steps += 1
end
event.set('steps', steps)

#: loop with break
i = 0
found = loop do
  i += 1
  break i * 10 if i == 3
end
event.set('found', found)

#: for
total = 0
for n in [1, 2, 3] do
  total += n
end
for i in 1..3
  total += i
end
event.set('total', total)
event.set('last', n)

#: break from each
hit = nil
(event.get('tags') || []).each do |t|
  if t =~ /b/
    hit = t
    break
  end
end
event.set('hit', hit)

#: break gives a value
event.set('r', [1, 2, 3].each { |x| break x * 100 if x == 2 })

#: next gives a value
event.set('r', [1, 2, 3].map { |x| next 0 if x == 2; x })

#: return early
return if event.get('level').nil?
event.set('after', true)

#: next early
next unless event.get('took').is_a?(Numeric)
event.set('numeric', true)

#: nested loops
pairs = []
[1, 2].each do |a|
  %w[x y].each do |b|
    pairs << "#{a}#{b}"
  end
end
event.set('pairs2', pairs)

#: block variables hide nothing
x = 1
[5, 6].each { |y| x += y }
event.set('x', x)

#: lambdas remember
adders = [1, 2, 3].map { |n| lambda { |x| x + n } }
event.set('r', adders.map { |f| f.call(10) })

#: recursive lambda
flat = {}
walk = lambda do |value, name|
  if value.is_a?(Hash)
    value.each { |k, v| walk.call(v, name.empty? ? k : "#{name}.#{k}") }
  else
    flat[name] = value
  end
end
walk.call(event.get('nested') || {}, '')
event.set('flat', flat)

#: arrow with two
f = ->(a, b = 2) { a * b }
event.set('r', [f.(3), f.call(3, 4), f[5]])

#: wrong number for a lambda
f = ->(a) { a }
f.call(1, 2)

#: several targets
a, b = 'k=v'.split('=')
c, *d = [1, 2, 3]
e, f = 1
event.set('r', [a, b, c, d, e, f])

#: swapped
a, b = 1, 2
a, b = b, a
event.set('r', [a, b])

#: first and last
first, *, last = [1, 2, 3, 4]
event.set('r', [first, last])

#: heredoc of quotes
event.set('q', 'it''s' + "\ttab" + 'no\n' + "#{1 + 1}#{"in #{:ner}"}")

#: operators in one line
event.set('r', [1 + 2 * 3 - 4 / 2, (1 + 2) * 3, 2**3**2, -2.abs, 10 % 4 == 2 && !false, 5.between?(1, 9) || nil])

#: unary and ranges
a = [1, 2, 3, 4, 5]
n = a.length
event.set('r', [a[0..n - 3], a[-2..-1], a[1...-1], a[n -1], -n])

#: modifiers with and
event.set('both', true) if event.get('level') && event.get('took')
event.set('none', true) unless event.get('level') || event.get('took')

#: words and or
event.set('r', 1) if event.get('level') == 'INFO' or event.get('level') == 'ERROR'
event.set('s', 1) if not event.get('level').nil? and event.get('status').to_i > 0

#: long condition over lines
if event.get('level') == 'ERROR' ||
   event.get('status').to_i >= 500
  event.set('bad', true)
elsif event.get('status').to_i >= 400 and
      event.get('status').to_i < 500
  event.set('bad', 'client')
else
  event.set('bad', false)
end

#: chain over lines
r = event.get('message').to_s
  .split(' ')
  .map(&:downcase)
  .reject { |w| w.length < 3 }
  .first(2)
event.set('r', r)

#: then on one line
if event.get('status').to_i == 200 then event.set('ok', 1) else event.set('ok', 0) end

#: ternaries in one another
s = event.get('status').to_i
event.set('r', s < 300 ? 'a' : s < 400 ? 'b' : s < 500 ? 'c' : 'd')

#: ternary with question marks
event.set('r', event.get('level').nil? ? 'none' : event.get('level').empty? ? 'empty' : 'some')

#: value of an if
event.set('r', if event.get('took').nil? then 'n' elsif event.get('took').is_a?(String) then 's' else 'o' end)

#: unless else
unless event.get('level')
  event.set('r', 'no')
else
  event.set('r', 'yes')
end

#: safe navigation
event.set('r', [event.get('level')&.downcase, event.get('none')&.length])

#: commands without parentheses
event.set 'r', event.get('level')
event.set 's', [1, 2].map { |x| x + 1 }
event.tag 'seen' if event.get 'level'

#: comments
# at the start
event.set('r', 1) # behind
# between
event.set('s', '# not one')

#: semicolons
a = 1; b = 2; event.set('r', a + b);

#: masks
event.set('masked', event.get('message').to_s.gsub(/\b(\d{2})\d+(\d{2})\b/) { "#{$1}***#{$2}" })

#: mask by a hash
event.set('r', event.get('message').to_s.gsub(/[aeiou]/, 'a' => '4', 'e' => '3'))

#: longest word
event.set('longest', event.get('message').to_s.split(/\W+/).max_by(&:length))

#: hex to numbers
event.set('r', '0a1bff'.scan(/../).map { |b| b.hex })

#: address to number
ip = event.get('ip')
event.set('n', ip.split('.').inject(0) { |a, o| (a << 8) + o.to_i }) if ip =~ /^\d+\.\d+\.\d+\.\d+$/

#: private address
ip = event.get('ip').to_s
event.set('private', ip.start_with?('10.', '192.168.') || (ip.start_with?('172.') && ip.split('.')[1].to_i.between?(16, 31)))

#: duration to seconds
h, m, s = '01:02:03'.split(':').map(&:to_i)
event.set('r', h * 3600 + m * 60 + s)

#: size with a unit
units = { 'KB' => 1024, 'MB' => 1024**2 }
m = '12.5 MB'.match(/([\d.]+)\s*(\w+)/)
event.set('r', (m[1].to_f * units.fetch(m[2], 1)).to_i)

#: digest as an id
event.set('[@metadata][fingerprint]', Digest::SHA256.hexdigest([event.get('message'), event.get('level')].join('|')))

#: times of the day
t = event.get('@timestamp').time
event.set('weekend', t.saturday? || t.sunday?)
event.set('w', t.strftime('%a %H:%M %j'))

#: time from a text
begin
  event.set('t', Time.parse(event.get('when')).utc.iso8601)
rescue StandardError => e
  event.set('t', e.class.to_s)
end

#: rounding
v = event.get('took')
event.set('r', [v.to_f.round(1), v.to_f.floor, v.to_f.ceil, v.to_i])

#: percent
event.set('r', '%.1f%%' % (event.get('bytes_in').to_f / 3))

#: symbols as keys
h = { level: event.get('level'), n: 1 }
h[:n] += 1
event.set('h', h)

#: merged
base = { 'a' => 1, 'b' => { 'c' => 2 } }
event.set('m', base.merge('b' => 3, 'd' => nil))
event.set('base', base)

#: deleted keys
h = event.get('nested') || {}
h.delete('inner')
h.delete_if { |k, v| v.nil? }
event.set('h', h)
event.set('same', event.get('nested'))

#: changed while going through
h = { 'a' => 1 }
h.each { |k, v| h["#{k}2"] = v }

#: list changed in place
l = [3, 1, 2, nil]
l.compact!
l.sort!
l.map! { |x| x * 2 }
l.push(9).unshift(0)
l.insert(1, 'x')
l.delete('x')
l.delete_at(0)
popped = l.pop
l.concat([7, 8])
l[10] = 1
event.set('l', l)
event.set('popped', popped)

#: list with places
l = [1, 2, 3, 4]
l[1..2] = ['x']
l[0, 0] = [9, 9]
l[-1] = 'last'
event.set('l', l)

#: text with places
s = +'hello world'
s[0] = 'J'
s['world'] = 'there'
s[/l+/] = 'LL'
s.insert(-1, '!')
s.prepend('> ')
event.set('s', s)

#: text in place
s = String.new('  Some Text  ')
a = s.strip!
b = s.strip!
s.sub!('Some', 'Any')
s.downcase!
s.squeeze!('t')
event.set('r', [s, a, b, s.gsub!(/z/, '')])

#: slice in place
s = 'abcdef'.dup
p1 = s.slice!(0, 2)
event.set('r', [s, p1, s.slice!(/e/), s])

#: each with index
r = []
%w[a b].each_with_index { |x, i| r << "#{i}:#{x}" }
event.set('r', r)

#: numbers of a text
event.set('numbers', event.get('message').to_s.scan(/-?\d+(?:\.\d+)?/).map { |n| n.include?('.') ? n.to_f : n.to_i })

#: instance variable
@count ||= 0
@count += 1
event.set('count', @count)

#: not set instance variable
event.set('r', @never)

#: global variable
$seen = (event.get('status') || 0)
event.set('r', $seen)

#: wrong argument
'abc'.rjust('x')

#: wrong number of arguments
'abc'.upcase.start_with?

#: join of nil
event.set('r', [nil, event.get('level'), nil].compact.join(','))

#: long numbers
event.set('r', [2**64, 2**100 - 1, 12345678901234567890 * 10, (2**64).to_s.length])

#: float writing
event.set('r', [1e2.to_s, 1e16.to_s, 1.0e-5.to_s, 123456789012345.0.to_s, 1e15.to_s, -0.0.to_s, 2.0.to_s, 1e100.to_s])

#: integer and float keys
h = { 1 => 'a', 1.0 => 'b', '1' => 'c', nil => 'd', true => 'e' }
event.set('r', [h[1], h[1.0], h['1'], h[nil], h[true], h.size])

#: equality
event.set('r', [1 == 1.0, 1.eql?(1.0), 'a' == :a, nil == false, [1] == [1.0], 0 ? 1 : 2, '' ? 1 : 2, 1 == true])

#: sort by several
l = [{ 'n' => 'b', 'v' => 1 }, { 'n' => 'a', 'v' => 1 }, { 'n' => 'c', 'v' => 0 }]
event.set('r', l.sort_by { |h| [h['v'], h['n']] }.map { |h| h['n'] })

#: sort that fails
[1, 'a'].sort

#: max of none
event.set('r', [[].max, [].sum, [].first, [].inject(:+), [].join, {}.first])

#: unicode
s = 'Grüße, 世界!'
event.set('r', [s.length, s.upcase, s.reverse, s[0..4], s.index('世'), s.bytes.length, s.scan(/\p{Alpha}+/)])

#: interpolation of values
event.set('r', "#{nil}|#{true}|#{1.50}|#{:s}|#{[1, nil, 'x']}|#{{ 'a' => 1, b: nil }}|#{1..2}")

#: to_s of the timestamp
event.set('r', "#{event.get('@timestamp')}|#{event.timestamp}|#{event.get('@timestamp').to_i}")

#: words with digits
event.set('r', event.get('message').to_s.tr('0-9', '').squeeze(' ').strip)

#: capitalised words
event.set('r', event.get('message').to_s.split.map(&:capitalize).join(' '))

#: begin as a value
r = begin
  Integer('x')
rescue ArgumentError
  -1
end
event.set('r', r)

#: rescue behind
event.set('r', (Integer('x') rescue 0))
v = Integer('y') rescue 7
event.set('v', v)

#: ensure and return value
def_value = [1, 2].each_with_object({}) do |n, acc|
  acc["k#{n}"] = n
end
event.set('r', def_value)

#: respond_to
v = event.get('took')
event.set('r', [v.respond_to?(:to_i), v.respond_to?(:each), v.respond_to?(:nope)])

#: frozen
s = 'abc'.freeze
s << 'd'

#: keys are frozen copies
k = +'key'
h = { k => 1 }
k << '2'
event.set('r', [h.keys, h['key'], h[k]])
