import MartletCommand
import Testing

@Suite("JSON from a stranger") struct JSONParserTests {
  @Test(
    "RFC 8259 What is JSON is read",
    arguments: [
      ("null", JSONValue.null), (" true ", .bool(true)), ("[ ]", .array([])), ("{}", .object([])),
      ("-0", .integer(0)), ("12", .integer(12)), ("1.5e2", .number(150)),
      ("9223372036854775807", .integer(.max)), ("9223372036854775808", .number(9.223372036854775808e18)),
      (#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#, .string("a\"\\/\u{8}\u{c}\n\r\té😀")),
      (
        #"{"a":[1,{"b":null}],"a":2}"#,
        .object([
          .init("a", .array([.integer(1), .object([.init("b", .null)])])), .init("a", .integer(2)),
        ])
      ),
    ])
  func reads(_ text: String, _ value: JSONValue) {
    #expect(JSONParser.parse(Array(text.utf8)) == value)
  }

  @Test(
    "RFC 8259 What is not, is not",
    arguments: [
      "", " ", "nul", "truee", "[1,]", "[1", "[,]", "{", "{a:1}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "1 2",
      "01", "+1", ".5", "1.", "1e", "--1", "-", "1-", "NaN", "Infinity", "1e999", #"""#, #""\x""#,
      #""\u12""#, #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#, "\"\u{1}\"", "'a'", "[1]]",
      String(repeating: "[", count: 17) + String(repeating: "]", count: 17),
      "[" + String(repeating: "1,", count: 20_000) + "1]", String(repeating: "1", count: 65),
    ])
  func refuses(_ text: String) {
    #expect(JSONParser.parse(Array(text.utf8)) == nil)
  }

  @Test("Octets that are no UTF-8 are no string")
  func encoding() {
    #expect(JSONParser.parse([0x22, 0xff, 0x22]) == nil)
    #expect(JSONParser.parse([0x22, 0xed, 0xa0, 0x80, 0x22]) == nil)
  }

  @Test("A text cut short anywhere is refused")
  func cutShort() {
    let text = Array(#"{"cpu":1.25,"streams":[{"id":1,"name":"\u00e9x"},true,null]}"#.utf8)
    for count in 0..<text.count { #expect(JSONParser.parse(Array(text[..<count])) == nil) }
    #expect(JSONParser.parse(text) != nil)
  }

  @Test("What is written reads back")
  func roundTrip() {
    let value = JSONValue.object([
      .init("text", .string("a\"b\\c\n\u{1}é")), .init("numbers", .array([.integer(-5), .number(0.25)])),
      .init("truth", .bool(false)), .init("nothing", .null),
    ])
    #expect(JSONParser.parse(Array(value.text.utf8)) == value)
  }
}
