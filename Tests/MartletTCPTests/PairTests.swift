import MartletTCP
import MartletWire
import Testing

@Suite("Two connections back to back")
struct PairTests {
  func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

  @Test("Three segments open it; text flows both ways; four segments close it")
  func openTransferClose() throws {
    var pair = EndpointPair()
    #expect(pair.client.tcb.state == .established)
    #expect(pair.server.tcb.state == .established)
    let text = pattern(100_000)
    #expect(try pair.client.send(text, pair.now) == text.count)
    #expect(try pair.server.send(text, pair.now) == text.count)
    pair.run()
    var got: [UInt8] = []
    while got.count < text.count { got += try pair.server.receive(65_536, pair.now) }
    #expect(got == text)
    #expect(try pair.client.receive(200_000, pair.now) == text)

    _ = try pair.client.tcb.shutdownSend(cold: pair.client.cold, &pair.client.around, now: pair.now)
    #expect(pair.client.tcb.state == .finWait1)
    pair.run()
    #expect(pair.client.tcb.state == .finWait2)
    #expect(pair.server.tcb.state == .closeWait)
    #expect(try pair.server.receive(1, pair.now) == [])
    _ = try pair.server.tcb.shutdownSend(cold: pair.server.cold, &pair.server.around, now: pair.now)
    #expect(pair.server.tcb.state == .lastAck)
    pair.run()
    #expect(pair.client.tcb.state == .timeWait)
    #expect(pair.client.marks.contains(.enterTimeWait))
    #expect(pair.server.tcb.state == .closed)
    #expect(pair.server.tcb.endReason == .closed)
    #expect(pair.client.tcb.checkInvariants(cold: pair.client.cold, pair.client.around.pool) == nil)
    #expect(pair.client.cold.isIdle && pair.server.cold.isIdle)
  }

  @Test("A loss in every position is recovered", arguments: 1...40)
  func oneLoss(position: Int) throws {
    var pair = EndpointPair()
    let text = pattern(30_000)
    #expect(try pair.client.send(text, pair.now) == text.count)
    pair.run(drop: { $0 == position })
    pair.wait(.seconds(3))
    #expect(try pair.server.receive(65_536, pair.now) == text)
    pair.run()
    #expect(pair.client.cold.send.isEmpty)
    #expect(pair.client.tcb.checkInvariants(cold: pair.client.cold, pair.client.around.pool) == nil)
  }

  @Test("A reader that sleeps shuts the window, probes find it, reading opens it")
  func zeroWindow() throws {
    var pair = EndpointPair()
    let text = pattern(250_000)
    #expect(try pair.client.send(text, pair.now) > 200_000)
    #expect(try pair.client.send(text, pair.now) > 0)
    pair.run()
    #expect(pair.client.tcb.status(cold: pair.client.cold, pair.client.around, now: pair.now).sndWnd < 1_460)
    pair.wait(.seconds(30), step: .milliseconds(50))
    var got = 0
    for _ in 0..<100 {
      if let piece = try? pair.server.receive(16_384, pair.now) { got += piece.count }
      pair.run()
      pair.wait(.milliseconds(100))
    }
    #expect(got == 262_144)
  }

  @Test(
    "RFC 2018 §3: beside timestamps there is room for three blocks, and no more are planned",
    arguments: [false, true])
  func blocks(timestamps: Bool) throws {
    var configuration = TCPConfiguration()
    configuration.timestamps = timestamps
    var pair = EndpointPair(configuration: configuration)
    #expect(try pair.client.send(pattern(14_000), pair.now) == 14_000)
    pair.client.pull(pair.now)
    for (n, segment) in pair.client.sent.enumerated() where n % 2 == 1 {
      pair.server.arrives(segment.plan, segment.text, pair.now)
    }
    pair.server.pull(pair.now)
    let counts = pair.server.sent.map(\.plan.options.sackCount)
    #expect(counts.max() == (timestamps ? 3 : 4), "\(counts)")
  }
}
