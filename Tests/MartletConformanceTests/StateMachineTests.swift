import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.10.7: the order of checks decides, whatever a segment looks like.

@Suite("Robustness: state machine")
struct StateMachineTests {
  @Test("T3 P4 LISTEN asks for RST, ACK and SYN in this order, and for nothing else", .bothFamilies)
  func listen() {
    for (flags, answer) in Self.listenAnswers {
      let s = Scenario(.listening)
      s.inject(.segment(flags, seq: 100, ack: 7))
      switch answer {
      case .nothing: s.expectNothing()
      case .reset: s.expect(.segment(.rst, text: .nothing))
      case .synAck:
        s.expect(.synAck(seq: 0, ack: 101).adding(flags.contains([.ece, .cwr]) ? .ece : []))
      }
      s.expectNothing()
      #expect(s.stack.held.halfOpen == (answer == .synAck ? 1 : 0), "\(flags)")
    }
  }

  enum Answer { case nothing, reset, synAck }

  static let listenAnswers: [(TCPFlags, Answer)] = [
    ([], .nothing), (.fin, .nothing), (.psh, .nothing), ([.fin, .psh, .urg], .nothing),
    (.rst, .nothing), ([.rst, .syn], .nothing), ([.rst, .ack], .nothing),
    ([.rst, .syn, .ack, .fin], .nothing),
    (.ack, .reset), ([.syn, .ack], .reset), ([.fin, .ack], .reset), ([.fin, .psh, .urg, .ack], .reset),
    (.syn, .synAck), ([.syn, .fin], .synAck), ([.syn, .psh, .urg], .synAck),
    ([.syn, .ece, .cwr], .synAck), ([.syn, .ece, .cwr, .ae], .synAck), ([.syn, .ae], .synAck),
  ]

  @Test(
    "P4 bits that are reserved today do not make a segment unwelcome", .bothFamilies,
    arguments: 0...7 as ClosedRange<UInt8>)
  func reservedBits(bits: UInt8) {
    let s = Scenario(.listening)
    s.inject(.syn().reserved(bits))
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(.ack().reserved(bits))
    #expect(s.state == .established)
    s.inject(.data(seq: 1, ack: 1, "text").reserved(bits).adding([.ece, .cwr, .urg]))
    #expect(s.receive().text == "text")
    s.inject(.fin(seq: 5, ack: 1).reserved(bits))
    #expect(s.state == .closeWait)
    let reset = Scenario(.established())
    reset.inject(.rst(seq: 1).reserved(bits).adding([.fin, .psh, .ece]))
    #expect(reset.endReason == .reset)
  }

  @Test("T3 P4 SYN-SENT asks for ACK, RST and SYN in this order", .bothFamilies)
  func synSent() {
    for ack in [0, 2, -1, 1 << 30] {
      for flags in [.ack, [.syn, .ack], [.fin, .ack]] as [TCPFlags] {
        let s = Scenario(.synSent)
        s.inject(.segment(flags, seq: 100, ack: ack))
        s.expect(.rst(seq: ack))
        #expect(s.state == .synSent)
      }
      let s = Scenario(.synSent)
      s.inject(.rstAck(seq: 100, ack: ack))
      s.expectNothing()
      #expect(s.state == .synSent)
    }
    for flags in [[], .rst, .fin, [.fin, .psh, .urg], [.rst, .syn]] as [TCPFlags] {
      let s = Scenario(.synSent)
      s.inject(.segment(flags, seq: 100))
      s.expectNothing()
      #expect(s.state == .synSent)
    }
    let refused = Scenario(.synSent)
    refused.inject(.rstAck(seq: 100, ack: 1))
    refused.expectNothing()
    #expect(refused.endReason == .refused)
  }

  @Test(
    "P4 a segment without ACK is dropped in every later state, in silence", .bothFamilies,
    arguments: [
      .synReceived(), .synReceived(.active), .established(), .finWait1(), .finWait2(), .closeWait(),
    ] as [ScenarioStart])
  func withoutACK(start: ScenarioStart) {
    for flags in [[], .psh, .fin, [.fin, .psh, .urg], .urg] as [TCPFlags] {
      let s = Scenario(start)
      let state = s.state
      let next = start.state == .closeWait ? 2 : 1
      s.inject(.segment(flags, seq: next, "xmas"))
      s.expectNothing()
      #expect(s.state == state, "\(flags)")
      if s.connection != nil { #expect(s.receive().octets.isEmpty) }
    }
  }

  @Test("T3 a handshake in pieces: an acknowledgment, then the SYN, then the rest", .bothFamilies)
  func pieces() {
    let s = Scenario(.synSent)
    s.inject(.ack(seq: 0, ack: 1))
    s.expectNothing()
    #expect(s.state == .synSent)
    s.inject(.syn(seq: 0))
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(.ack(seq: 1, ack: 1))
    s.expectNothing()
    #expect(s.state == .established)
    s.inject(.data(seq: 1, ack: 1, "text"))
    #expect(s.receive().text == "text")
  }

  @Test("T3 the SYN again in SYN-RECEIVED gets the same answer again; another SYN does not", .bothFamilies)
  func synAgain() {
    let s = Scenario(.synReceived())
    s.inject(.syn(seq: 0))
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(.syn(seq: 500))
    s.expect(.ack(seq: 1, ack: 1))
    s.inject(.ack())
    #expect(s.state == .established)
    let active = Scenario(.synReceived(.active))
    active.inject(.syn(seq: 0))
    active.expect(.synAck(seq: 0, ack: 1))
    active.inject(.ack())
    #expect(active.state == .established)
  }

  @Test("T3 text and FIN on a SYN are left to come again", .bothFamilies)
  func textOnSYN() {
    let s = Scenario(.listening)
    s.inject(.syn(seq: 0, "early").adding(.fin))
    s.expect(.synAck(seq: 0, ack: 1))
    s.inject(.fin(seq: 1, ack: 1, "early"))
    s.expect(.ack(seq: 1, ack: 7))
    #expect(s.state == .closeWait)
    #expect(s.receive().text == "early")
  }

  @Test("T3 text and FIN on a SYN-ACK are taken at once", .bothFamilies)
  func textOnSynAck() {
    let s = Scenario(.synSent)
    s.inject(.synAck(seq: 0, ack: 1, "early").adding(.fin))
    s.expect(.ack(seq: 1, ack: 7))
    #expect(s.state == .closeWait)
    #expect(s.receive() == ScenarioReceived(octets: Array("early".utf8), isEndOfStream: true))
  }

  @Test("T3 text beyond the peer's FIN is nobody's", .bothFamilies)
  func textBeyondFIN() {
    let s = Scenario(.established())
    s.inject(.fin(seq: 6, ack: 1, "world"))
    s.inject(.data(seq: 11, ack: 1, "liar"))
    s.takeSegments()
    s.inject(.data(seq: 1, ack: 1, "hello"))
    s.expect(.ack(seq: 1, ack: 12))
    #expect(
      s.receive() == ScenarioReceived(octets: Array("helloworld".utf8), isEndOfStream: true))
    #expect(s.state == .closeWait)
  }
}
