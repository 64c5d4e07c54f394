# Runs blocks of the filter `ruby` in a real Ruby: a line of JSON in ({"code", "init", "event"}), one out.
# The classes below stand for Logstash's, as far as blocks see them.
require 'json'
require 'time'
require 'date'
require 'digest'
require 'base64'
require 'securerandom'
require 'set'
require 'uri'
require 'cgi'

module LogStash
  class Error < StandardError; end
  class TimestampParserError < StandardError; end

  class Timestamp
    include Comparable
    attr_reader :time

    def initialize(time = Time.now)
      @time = time.is_a?(String) ? Time.iso8601(time).utc : time.dup.utc
    end

    def self.at(*args) = new(Time.at(*args))
    def self.now = new(Time.now)
    def self.coerce(value) = value.is_a?(Timestamp) ? value : new(value)
    def self.parse_iso8601(text) = new(text)
    def to_i = @time.to_i
    def to_f = (@time.to_i * 1000 + @time.nsec / 1_000_000) / 1000.0
    def year = @time.year
    def <=>(other) = other.is_a?(Timestamp) ? @time <=> other.time : nil
    def -(other) = other.is_a?(Timestamp) ? @time - other.time : @time - other
    def +(other) = @time + other

    def to_iso8601
      digits = format('%09d', @time.nsec).sub(/0+\z/, '').ljust(3, '0')
      @time.strftime('%Y-%m-%dT%H:%M:%S') + ".#{digits}Z"
    end
    alias to_s to_iso8601
    alias inspect to_iso8601
    alias iso8601 to_iso8601
    def to_json(*) = to_iso8601.to_json
  end

  class Event
    def initialize(data = {})
      @data = inward(data)
      @cancelled = false
    end
    attr_reader :data

    def get(reference)
      outward(path(reference).reduce(@data) { |node, key| step(node, key) })
    end

    def set(reference, value)
      keys = path(reference)
      if keys == ['@timestamp'] && !value.is_a?(Timestamp)
        raise TypeError, "wrong argument type #{value.class} (expected LogStash::Timestamp)"
      end
      node = @data
      keys[0..-2].each { |key| node = node.is_a?(Array) ? node[key.to_i] : (node[key] ||= {}) }
      node.is_a?(Array) ? node[keys[-1].to_i] = inward(value) : node[keys[-1]] = inward(value)
      value
    end

    def remove(reference)
      keys = path(reference)
      node = keys[0..-2].reduce(@data) { |at, key| step(at, key) }
      return nil if node.nil?
      if node.is_a?(Array)
        return keys[-1] =~ /\A-?\d+\z/ ? outward(node.delete_at(keys[-1].to_i)) : nil
      end
      outward(node.delete(keys[-1]))
    end

    def include?(reference)
      keys = path(reference)
      node = keys[0..-2].reduce(@data) { |at, key| step(at, key) }
      node.is_a?(Hash) ? node.key?(keys[-1]) : node.is_a?(Array) && keys[-1] =~ /\A\d+\z/ && keys[-1].to_i < node.size ? true : false
    end

    def tag(text)
      tags = (@data['tags'] ||= [])
      tags << text unless tags.include?(text)
      nil
    end

    def cancel = @cancelled = true
    def cancelled? = @cancelled
    def timestamp = get('@timestamp')
    def to_hash = outward(@data.reject { |key, _| key == '@metadata' })

    private

    def path(reference)
      reference.start_with?('[') ? reference.scan(/\[([^\[\]]+)\]/).flatten : [reference]
    end

    def step(node, key)
      case node
      when Hash then node[key]
      when Array then key =~ /\A-?\d+\z/ ? node[key.to_i] : nil
      end
    end

    def inward(value)
      case value
      when Hash then value.to_h { |key, one| [key.to_s, inward(one)] }
      when Array then value.map { |one| inward(one) }
      when Time then Timestamp.new(value)
      else value
      end
    end

    def outward(value)
      case value
      when Hash then value.to_h { |key, one| [key, outward(one)] }
      when Array then value.map { |one| outward(one) }
      else value
      end
    end
  end
end

def plain(value)
  case value
  when Hash then value.to_h { |key, one| [key, plain(one)] }
  when Array then value.map { |one| plain(one) }
  when Float then value.finite? ? value : value.to_s
  when nil, true, false, Integer, String then value
  else value.to_s
  end
end

class Runner
  def run(request)
    data = request['event']
    data['@timestamp'] = LogStash::Timestamp.new(data['@timestamp'])
    event = LogStash::Event.new(data)
    error = nil
    begin
      here = binding
      eval(request['init'], here) if request['init']
      block = eval("lambda { |event| #{request['code']}\n }", here)
      block.call(event)
    rescue Exception => e
      error = { 'class' => e.class.name, 'message' => e.message.lines.first.to_s.chomp }
    end
    { 'event' => plain(event.data), 'error' => error, 'cancelled' => event.cancelled? }
  end
end

$stdout.sync = true
$stderr.reopen(File::NULL)
while (line = $stdin.gets)
  puts JSON.generate(Runner.new.run(JSON.parse(line)))
end
