import MartletTCP
import MartletWire
import Testing

/// A connection with more to send than its peer takes, weighed every tenth of a second.
private struct WeighedSender: ~Copyable {
  private var pair: EndpointPair
  private(set) var weights: [UInt64] = []

  init() throws {
    var configuration = TCPConfiguration()
    configuration.timestamps = false
    pair = EndpointPair(configuration: configuration)
    _ = try pair.server.send([UInt8](repeating: 7, count: 8_192), pair.now)
    pair.server.pull(pair.now)
  }

  /// A second or so: the peer acknowledges so many octets in each tenth, and has as many more sent to it.
  mutating func pass(tenths: Int, taking count: UInt32) throws {
    for _ in 0..<tenths {
      pair.now = pair.now.advanced(by: .milliseconds(100))
      let ack = pair.server.tcb.snd.una.advanced(by: count)
      let plan = SegmentPlan(
        seq: pair.server.tcb.rcv.nxt, ack: ack, flags: .ack, window: UnscaledWindow(65_535))
      if count > 0 { pair.server.arrives(plan, [], pair.now) }
      _ = try pair.server.send([UInt8](repeating: 7, count: Int(count)), pair.now)
      pair.server.pull(pair.now)
      pair.server.sent = []
      let burden = pair.server.tcb.burden(&pair.server.cold, record: 1_000, .brief, Tick(pair.now))
      weights.append(burden.time)
    }
  }
}

@Suite("How hard a connection weighs")
struct BurdenTests {
  @Test("E5 after the first second it is judged at any time, whenever its landmark was set anew")
  func noPause() throws {
    var sender = try WeighedSender()
    try sender.pass(tenths: 120, taking: 100)
    #expect(sender.weights.prefix(10).allSatisfy { $0 == 0 }, "too early to say")
    let judged = sender.weights.dropFirst(12)
    // It holds ten thousand octets or so, and moves a thousand a second.
    let least = try #require(judged.min())
    let most = try #require(judged.max())
    #expect(least > 5_000 && most < 2 * least, "\(least) to \(most) ms")
  }

  @Test("E5 what was moved some seconds ago is forgotten by halves")
  func noCredit() throws {
    var sender = try WeighedSender()
    try sender.pass(tenths: 50, taking: 1_000)
    let before = try #require(sender.weights.last)
    #expect(before > 0 && before < 2_000, "it moves what it holds: \(before) ms")
    try sender.pass(tenths: 20, taking: 0)
    let soon = try #require(sender.weights.last)
    #expect(soon < 4 * before, "a pause is no stall: \(soon) ms")
    try sender.pass(tenths: 60, taking: 0)
    let late = try #require(sender.weights.last)
    #expect(late > 8 * before, "\(before), then \(late) ms")
  }
}
