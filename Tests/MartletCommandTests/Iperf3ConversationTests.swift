import MartletCommand
import MartletTCP
import Testing

@Suite("iperf3's protocol, as a server") struct Iperf3ConversationTests {
  @Test("A test from the cookie to the farewell: states, results, octets counted")
  func wholeTest() throws {
    let desk = Iperf3Desk()
    let control = desk.connect()
    #expect(desk.exchange(control, desk.cookie) == [9])
    #expect(desk.exchange(control, message(#"{"tcp":true,"time":10,"parallel":2,"len":131072}"#)) == [10])
    let first = desk.connect()
    #expect(desk.exchange(first, desk.cookie).isEmpty)
    #expect(desk.exchange(control).isEmpty)
    let second = desk.connect()
    #expect(desk.exchange(second, desk.cookie).isEmpty)
    #expect(second.takeStir())
    #expect(desk.exchange(control) == [1, 2])
    desk.wait(.seconds(2))
    _ = desk.exchange(first, [UInt8](repeating: 1, count: 5_000))
    _ = desk.exchange(second, [UInt8](repeating: 2, count: 300))
    #expect(first.outlook == .open)
    desk.wait(.seconds(8))
    #expect(desk.exchange(control, [4]) == [13])
    #expect(control.takeStir())
    #expect(first.outlook == .close && second.outlook == .close)
    let answer = desk.exchange(control, message(clientResults))
    #expect(answer.last == 14)
    let results = try Iperf3Results(
      parsing: #require(JSONParser.parse(Array(answer.dropFirst(4).dropLast()))))
    #expect(results.streams.map(\.number) == [1, 3])
    #expect(results.streams.map(\.octets) == [5_000, 300])
    #expect(results.streams.map(\.time) == [.seconds(10), .seconds(10)])
    #expect(control.outlook == .open)
    #expect(desk.exchange(control, [16]).isEmpty)
    #expect(control.outlook == .close)
    #expect(
      control.takeNote()
        == .measured(
          Iperf3Measurement(streams: 2, received: 5_300, sent: 0, nanoseconds: 10_000_000_000)))
    #expect(desk.exchange(desk.connect(), Iperf3Desk.otherCookie) == [9], "there is room for the next test")
  }

  @Test("In reverse the server sends from the start to the end of the test, and no longer")
  func reverse() {
    let desk = Iperf3Desk()
    let (control, stream) = desk.run(#"{"tcp":true,"time":1,"parallel":1,"reverse":true}"#)
    #expect(!stream.drain(limit: 100_000).isEmpty)
    #expect(desk.exchange(control, [4]) == [13])
    stream.look(desk.now, retransmitted: 9)
    #expect(stream.drain(limit: 100_000).isEmpty)
    #expect(stream.outlook == .close)
    let results = String(decoding: desk.exchange(control, message(clientResults)), as: UTF8.self)
    #expect(
      results.contains(#""sender_has_retransmits":1"#) && results.contains(#""retransmits":9"#), "\(results)")
  }

  @Test("Both ways at once: the first stream is the client's to fill, the second ours")
  func bidirectional() {
    let desk = Iperf3Desk()
    let control = desk.connect()
    _ = desk.exchange(control, desk.cookie)
    _ = desk.exchange(control, message(#"{"tcp":true,"time":1,"parallel":1,"bidirectional":1}"#))
    let (up, down) = (desk.connect(), desk.connect())
    _ = desk.exchange(up, desk.cookie)
    _ = desk.exchange(down, desk.cookie)
    #expect(desk.exchange(control) == [1, 2])
    #expect(up.drain(limit: 1_000).isEmpty)
    #expect(!down.drain(limit: 1_000).isEmpty)
  }

  @Test("What is to be omitted at the start is not counted")
  func omit() throws {
    let desk = Iperf3Desk()
    let (control, stream) = desk.run(#"{"tcp":true,"time":2,"omit":1,"parallel":1}"#)
    _ = desk.exchange(stream, [UInt8](repeating: 0, count: 700))
    desk.wait(.seconds(1))
    _ = desk.exchange(stream, [UInt8](repeating: 0, count: 50))
    desk.wait(.seconds(2))
    _ = desk.exchange(control, [4])
    let answer = desk.exchange(control, message(clientResults))
    let results = try Iperf3Results(
      parsing: #require(JSONParser.parse(Array(answer.dropFirst(4).dropLast()))))
    #expect(results.streams.map(\.octets) == [50])
    #expect(results.streams.map(\.time) == [.seconds(2)])
  }

  @Test("One test at a time: others hear that the server is busy, at every stage")
  func busy() {
    let desk = Iperf3Desk()
    let control = desk.connect()
    _ = desk.exchange(control, desk.cookie)
    #expect(desk.exchange(desk.connect(), Iperf3Desk.otherCookie) == [0xff])
    _ = desk.exchange(control, message(#"{"tcp":true,"time":1,"parallel":1}"#))
    let stranger = desk.connect()
    #expect(desk.exchange(stranger, Iperf3Desk.otherCookie) == [0xff])
    #expect(stranger.outlook == .close)
    _ = desk.exchange(desk.connect(), desk.cookie)
    // More streams than were announced are as strange.
    #expect(desk.exchange(desk.connect(), desk.cookie) == [0xff])
  }

  @Test(
    "Parameters that make no sense are refused with iperf3's number, and leave room for others",
    arguments: [
      (#"{"udp":true,"parallel":1}"#, 13), (#"{"sctp":1}"#, 13),
      (#"{"tcp":true,"authtoken":"x"}"#, 13),
      (#"{"tcp":true,"parallel":0}"#, 6), (#"{"tcp":true,"parallel":129}"#, 6),
      (#"{"tcp":true,"parallel":-1}"#, 6), (#"{"tcp":true,"parallel":1e300}"#, 114),
      (#"{"tcp":true,"time":"1"}"#, 114),
      (#"{"tcp":true,"time":-1}"#, 114), (#"{"tcp":true,"time":999999999}"#, 114),
      (#"{"tcp":true,"num":-5}"#, 114), ("[]", 114), ("{", 114), ("", 114), ("\u{0}", 114),
      (String(repeating: "[", count: 100_000), 114),
    ] as [(String, UInt8)])
  func badParameters(_ text: String, _ number: UInt8) {
    let desk = Iperf3Desk()
    let control = desk.connect()
    _ = desk.exchange(control, desk.cookie)
    #expect(desk.exchange(control, message(text)) == [0xfe, 0, 0, 0, number, 0, 0, 0, 0])
    #expect(control.outlook == .close)
    guard case .refused = control.takeNote() else {
      Issue.record("nothing was noted")
      return
    }
    #expect(desk.exchange(desk.connect(), desk.cookie) == [9])
  }

  @Test("A length that is absurd is refused before its octets come, and memory stays bounded")
  func absurdLength() {
    let desk = Iperf3Desk()
    for length: [UInt8] in [[0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff], [0, 4, 0, 1]] {
      let control = desk.connect()
      _ = desk.exchange(control, desk.cookie)
      #expect(desk.exchange(control, length).starts(with: [0xfe, 0, 0, 0, 114]))
    }
    let slow = desk.connect()
    _ = desk.exchange(slow, desk.cookie)
    var taken = 0
    _ = desk.exchange(slow, [0, 4, 0, 0])
    while slow.outlook == .open, slow.appetite > 0 {
      let count = min(slow.appetite, 4_096)
      _ = desk.exchange(slow, [UInt8](repeating: 0x20, count: count))
      taken += count
    }
    #expect(taken == 1 << 18)
  }

  @Test("A cookie that is none is nobody's", arguments: [0, 35])
  func wrongCookie(_ zero: Int) {
    let desk = Iperf3Desk()
    var octets = desk.cookie
    octets[zero] = 0
    let control = desk.connect()
    #expect(desk.exchange(control, octets).isEmpty)
    #expect(control.outlook == .close)
    #expect(desk.exchange(desk.connect(), desk.cookie) == [9])
  }

  @Test("A state that has no place ends the test", arguments: [0, 1, 13, 16, 99, 255])
  func wrongState(_ state: UInt8) {
    let desk = Iperf3Desk()
    let (control, stream) = desk.run(#"{"tcp":true,"time":1,"parallel":1}"#)
    #expect(desk.exchange(control, [state]).starts(with: [0xfe, 0, 0, 0, 110]))
    #expect(control.takeStir() && stream.outlook == .close)
  }

  @Test(
    "Results that are none are refused; results that lie are only told",
    arguments: ["{}", "[]", #"{"streams":3}"#])
  func badResults(_ text: String) {
    let desk = Iperf3Desk()
    let (control, _) = desk.run(#"{"tcp":true,"time":1,"parallel":1}"#)
    _ = desk.exchange(control, [4])
    #expect(desk.exchange(control, message(text)).starts(with: [0xfe, 0, 0, 0, 117]))
  }

  @Test("Who stalls is shown out: with the cookie, the parameters, the streams, and in the middle of a test")
  func stalls() {
    let desk = Iperf3Desk()
    let silent = desk.connect()
    _ = desk.exchange(silent, [1, 2, 3])
    desk.wait(.seconds(31))
    _ = desk.exchange(silent)
    #expect(silent.outlook == .close)

    for start in ["", #"{"tcp":true,"parallel":1}"#] {
      let control = desk.connect()
      _ = desk.exchange(control, desk.cookie)
      if !start.isEmpty { _ = desk.exchange(control, message(start)) }
      #expect(control.deadline == desk.now.advanced(by: .seconds(30)))
      desk.wait(.seconds(30))
      #expect(desk.exchange(control).starts(with: [0xfe, 0, 0, 0, 120]))
      #expect(control.outlook == .close)
    }

    let (control, stream) = desk.run(#"{"tcp":true,"time":3600,"parallel":1}"#)
    desk.wait(.seconds(100))
    _ = desk.exchange(stream, [1])
    desk.wait(.seconds(100))
    #expect(desk.exchange(control).isEmpty, "a test that moves goes on")
    desk.wait(.seconds(21))
    #expect(desk.exchange(control).starts(with: [0xfe]))
    #expect(stream.outlook == .close)
  }

  @Test("A control connection that breaks off ends its test and makes room")
  func breaksOff() {
    let desk = Iperf3Desk()
    let (control, stream) = desk.run(#"{"tcp":true,"time":10,"parallel":1}"#)
    control.gone()
    #expect(control.takeStir())
    #expect(stream.outlook == .close)
    #expect(desk.exchange(desk.connect(), Iperf3Desk.otherCookie) == [9])
    // What the dead test's stream does now is not the new test's business.
    stream.gone()
    #expect(desk.exchange(desk.connect(), desk.cookie) == [0xff])
  }
}

/// A message of the control connection.
func message(_ text: String) -> [UInt8] {
  let count = UInt32(text.utf8.count)
  return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + Array(text.utf8)
}

private let clientResults =
  #"{"cpu_util_total":1.5,"cpu_util_user":0,"cpu_util_system":0,"sender_has_retransmits":-1,"streams":[{"id":1,"bytes":9000,"retransmits":-1,"jitter":0,"errors":0,"packets":0,"start_time":0,"end_time":10.0001}]}"#

/// A server's room, a clock, and connections to it.
final class Iperf3Desk {
  static let otherCookie = [UInt8](repeating: UInt8(ascii: "b"), count: 36) + [0]
  let cookie = [UInt8](repeating: UInt8(ascii: "a"), count: 36) + [0]
  private let room = Iperf3Room()
  private(set) var now = Instant(nanoseconds: 1_000_000_000)

  func wait(_ time: TimeAmount) { now = now.advanced(by: time) }
  func connect() -> Iperf3Conversation { Iperf3Conversation(room) }

  /// Gives octets, as many as there is appetite for, and returns what is answered.
  func exchange(_ conversation: Iperf3Conversation, _ octets: [UInt8] = []) -> [UInt8] {
    conversation.look(now, retransmitted: 0)
    var rest = octets[...]
    while !rest.isEmpty, conversation.appetite > 0 {
      let piece = Array(rest.prefix(conversation.appetite))
      piece.withUnsafeBytes { conversation.take($0.bytes) }
      rest = rest.dropFirst(piece.count)
    }
    return conversation.drain(limit: 100_000)
  }

  /// A test with one stream that has begun.
  func run(_ parameters: String) -> (control: Iperf3Conversation, stream: Iperf3Conversation) {
    let (control, stream) = (connect(), connect())
    #expect(exchange(control, cookie) == [9])
    #expect(exchange(control, message(parameters)) == [10])
    stream.look(now, retransmitted: 0)
    cookie.withUnsafeBytes { stream.take($0.bytes) }
    #expect(exchange(control) == [1, 2])
    _ = control.takeStir()
    return (control, stream)
  }
}
