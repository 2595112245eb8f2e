import Foundation
import MartletTCP
import MartletTrace
import MartletWire
import Testing

@Suite struct JSONTests {
  @Test("a segment is one line of JSON") func segment() throws {
    let exchange = try Scenario.requestAndClose()
    #expect(
      exchange.ladder.observations[1].json
        == #"{"type":"segment","time_ns":1000020000,"src":"10.7.0.1","sport":80,"dst":"10.7.0.2","dport":40112,"#
        + #""flags":["SYN","ACK"],"seq":2415919104,"ack":268435457,"win":64240,"len":0,"#
        + #""options":{"mss":1460,"window_scale":7,"sack_permitted":true},"from":"server"}"#)
    let lost = try Scenario.losses().ladder.observations
    #expect(lost[5].json.contains(#""lost":true"#))
    #expect(lost[7].json.contains(#""sack":[[2415922025,2415923485]]"#))
  }

  @Test("every record is JSON that another parser reads", arguments: Rule.allCases)
  func record(rule: Rule) throws {
    let record = try FlightRecorder.Record.sample(rule, 2, 4, at: Exchange.time(5))
    for language in Language.allCases {
      let line = record.json(language)
      #expect(!line.contains("\n"))
      let parsed = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      #expect(parsed?["rule"] as? String == "\(rule)")
      #expect(parsed?["text"] as? String == describe(record, language))
      #expect((parsed?["to"] as? String == "ESTABLISHED") == (rule == .transition))
    }
  }

  @Test("strings are escaped") func escaping() throws {
    let awkward = "\"\\\u{0}\u{1f}\u{7f}\n\t\r\u{8}\u{c}\u{2028}三次🙂"
    var object = JSONObject()
    object.add("k\"", awkward)
    let parsed = try JSONSerialization.jsonObject(with: Data(object.text.utf8)) as? [String: String]
    #expect(parsed == ["k\"": awkward])
    #expect(!object.text.contains("\n"))
  }
}
