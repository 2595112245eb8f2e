import MartletTCP
import MartletTrace
import MartletWire
import Testing

@Suite struct NamesAndRulesTests {
  @Test("S4.10 every spelling of a state is understood", arguments: TCPState.allCases)
  func spellings(state: TCPState) {
    for spelling in StateSpelling.allCases {
      let text = state.text(spelling)
      #expect(TCPState(spelling: text) == state)
      #expect(TCPState(spelling: text.lowercased()) == state)
    }
    #expect("\(state.name)" == state.text(.rfc))
  }

  @Test(
    "the spellings of operating systems and documents",
    arguments: [
      ("SYN_RECV", TCPState.synReceived), ("SYN-RECV", .synReceived), ("SYN_RCVD", .synReceived),
      ("SYN_RECEIVED", .synReceived), ("SYN_SENT", .synSent), ("SYN_SEND", .synSent), ("ESTAB", .established),
      ("FIN_WAIT1", .finWait1), ("FIN-WAIT-1", .finWait1), ("fin_wait_2", .finWait2),
      ("TIME_WAIT", .timeWait),
      ("Time Wait", .timeWait), ("LISTENING", .listen), ("CLOSE", .closed), ("UNCONN", .closed),
      ("last-ack", .lastAck), ("CLOSE_WAIT", .closeWait),
    ])
  func spelling(text: String, state: TCPState) {
    #expect(TCPState(spelling: text) == state)
  }

  @Test(
    "what is no state is none", arguments: ["", "-", "SYN", "FIN_WAIT", "FIN_WAIT_3", "ESTABLISHEDX", "状态"])
  func noState(text: String) {
    #expect(TCPState(spelling: text) == nil)
  }

  @Test("ss and netstat print their own") func printing() {
    #expect(TCPState.synReceived.text(.ss) == "SYN-RECV")
    #expect(TCPState.synReceived.text(.netstat) == "SYN_RECV")
    #expect(TCPState.finWait1.text(.bsd) == "FIN_WAIT_1")
    #expect(TCPState.established.text(.ss) == "ESTAB")
  }

  @Test("every rule has its section and its sentence in both languages", arguments: Rule.allCases)
  func rules(rule: Rule) {
    let text = RuleText(rule)
    #expect("\(rule)" == text.name)
    #expect(text.document.hasPrefix("RFC "))
    #expect(rule == .none || !text.section.isEmpty)
    #expect(text.english.hasSuffix(".") && text.english.utf8.allSatisfy { $0 < 0x80 })
    #expect(text.chinese.hasSuffix("。") && text.chinese.unicodeScalars.contains { $0.columns == 2 })
    #expect(Set(Rule.allCases.map { RuleText($0).english }).count == Rule.allCases.count)
  }

  @Test("a record is described with its operands") func describing() throws {
    let advance = try FlightRecorder.Record.sample(.ackAdvances, 1_301, 300)
    #expect(
      describe(advance, base: RecordBase(own: 1_000, peer: 0))
        == "SND.UNA → 301 (+300): Fifth check: the acknowledgment is acceptable, SND.UNA moves up, "
        + "and what it covers leaves the send buffer. (RFC 9293 §3.10.7.4)")
    let change = try FlightRecorder.Record.sample(.transition, 2, 4)
    #expect(describe(change, .simplifiedChinese).hasPrefix("SYN-SENT → ESTABLISHED: "))
    let unknown = try FlightRecorder.Record.sample(.transition, 99, .max)
    #expect(describe(unknown).hasPrefix("99 → 4294967295: "))
    #expect(KnownTransition(unknown, of: .left) == nil)
    #expect(KnownTransition(change, of: .left)?.new == .established)
  }

  @Test("every phrase is there in both languages", arguments: Phrase.allCases)
  func phrases(phrase: Phrase) {
    for language in Language.allCases { #expect(!phrase.text(language).isEmpty) }
  }

  @Test("language tags") func tags() {
    #expect(Language(tag: "zh_CN.UTF-8") == .simplifiedChinese)
    #expect(Language(tag: "EN") == .english)
    #expect(Language(tag: "C") == nil && Language(tag: "") == nil)
  }

  @Test("columns follow East Asian width") func columns() {
    #expect("三次握手 ok".columns == 11)
    #expect("三次".clipped(to: 3) == "三")
    #expect("三次".aligned(right: 6) == "  三次")
  }

  @Test("numbers and times") func numbers() {
    #expect(grouped(0) == "0" && grouped(999) == "999" && grouped(1_234_567) == "1,234,567")
    #expect(grouped(.max) == "18,446,744,073,709,551,615")
    #expect(TimeAmount.microseconds(41).text == "0.041 ms")
    #expect(TimeAmount.microseconds(63_000_041).text == "63.000041 s")
    #expect(TimeAmount.nanoseconds(.min).text == "-9223372036.854776 s")
  }
}
