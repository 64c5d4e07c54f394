# Writes what Ruby's CSV library makes of rows: `ruby csv_rows.rb > csv_rows.json`.
require "csv"
require "json"

TEXTS = [
  "a b", " a", "a ", "\ta", "a\tb", "", "x,y", "q\"q", "\"", "l\nf", "c\rr", "é€", "'a", "a;b", "a|b", "-1", "#a",
  "\u00a0", "\v", "日本", "\"\"", ",", "\r\n", "N"
].freeze
VALUES = [*TEXTS, nil, true, false, 0, -7, 1.5, 1.0e20, 1.0e-7, 100000.0, ["a", "b\"c"], [], [1, nil, [2.5, true]]].freeze
OPTIONS = [
  {}, { col_sep: ";" }, { col_sep: "\t", row_sep: "\r\n" }, { col_sep: "||" }, { quote_char: "'" },
  { force_quotes: true }, { quote_empty: false }, { write_nil_value: "N", write_empty_value: "E" },
  { write_nil_value: "", force_quotes: true }, { write_nil_value: "a,b", quote_empty: false },
  { write_empty_value: "a,b", force_quotes: true }
].freeze

random = Random.new(7)
rows = VALUES.map { |value| [value] } + VALUES.map { |value| [1, value, "z"] }
rows += Array.new(150) { Array.new(random.rand(1..5)) { VALUES[random.rand(VALUES.size)] } }
cases = OPTIONS.map do |options|
  { options: options, rows: rows.map { |row| [row, row.to_csv(**options)] } }
end
puts JSON.generate({ ruby: RUBY_VERSION, csv: CSV::VERSION, cases: cases })
