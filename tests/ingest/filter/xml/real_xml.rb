# What Ruby's XmlSimple and Nokogiri make of the cases that come as JSON; answers as JSON.
require "json"
require "nokogiri"
require "xmlsimple"

def objects(row)
  options = { "ForceArray" => row["force_array"], "ForceContent" => row["force_content"] }
  options["SuppressEmpty"] = true if row["suppress_empty"]
  { "made" => XmlSimple.xml_in(row["document"], options) }
rescue StandardError
  { "error" => true }
end

def texts(row)
  document = Nokogiri::XML(row["document"], nil, "UTF-8")
  document.remove_namespaces! if row["bare"]
  given = row["namespaces"]
  found = given.empty? ? document.xpath(row["xpath"]) : document.xpath(row["xpath"], given)
  found = [found] unless found.is_a?(Nokogiri::XML::NodeSet)
  { "found" => found.select { |one| one }.map(&:to_s) }
rescue StandardError
  { "error" => true }
end

cases = JSON.parse($stdin.read, max_nesting: false)
puts JSON.generate(cases.map { |row| row.key?("xpath") ? texts(row) : objects(row) }, max_nesting: false)
