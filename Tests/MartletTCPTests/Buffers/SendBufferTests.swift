import MartletTCP
import MartletWire
import Testing

@Suite struct SendBufferTests {
  @Test("E5 a send buffer grows to no more than a quarter of what is left, and not at all once half is used")
  func withinBudget() throws {
    let limit = 1 << 20
    for used in [0, limit / 2] {
      var configuration = TCPConfiguration()
      configuration.sendBuffer = 64 << 10
      configuration.initialWindowSegments = 100
      var pair = EndpointPair(configuration: configuration)
      pair.client.around.budget = MemoryBudget(limit: limit)
      let isTaken = pair.client.around.budget.take(used)
      #expect(isTaken)
      let text = [UInt8](repeating: 7, count: 64 << 10)
      let sent = try pair.client.send(text, pair.now)
      #expect(sent == text.count)
      pair.run()
      // Two windows would be more.
      #expect(pair.client.tcb.congestion.cwnd > UInt32(limit / 8))
      let buffer = Int(pair.client.tcb.options.sendBuffer)
      if used == 0 {
        #expect(buffer > 64 << 10 && buffer <= limit / 4, "\(buffer)")
      } else {
        #expect(buffer == 64 << 10)
      }
    }
  }

  @Test(
    "E5 a receive buffer grows by no more than a quarter of what is left, and not at all once half is used")
  func receiveWithinBudget() throws {
    let limit = 1 << 20
    for used in [0, limit / 4, limit / 2] {
      var configuration = TCPConfiguration()
      configuration.receiveBuffer = 64 << 10
      var pair = EndpointPair(configuration: configuration)
      pair.server.around.budget = MemoryBudget(limit: limit)
      let isTaken = pair.server.around.budget.take(used)
      #expect(isTaken)
      let text = [UInt8](repeating: 7, count: 60 << 10)
      for _ in 0..<8 {
        let sent = try pair.client.send(text, pair.now)
        #expect(sent == text.count)
        pair.run()
        pair.wait(.milliseconds(100))
        let before = Int(pair.server.tcb.options.receiveBuffer)
        _ = try pair.server.receive(65_536, pair.now)
        // A round trip is over.
        _ = try pair.client.send([1], pair.now)
        pair.run()
        let buffer = Int(pair.server.tcb.options.receiveBuffer)
        #expect(buffer <= before + (limit - used) / 4, "\(used)")
      }
      let buffer = Int(pair.server.tcb.options.receiveBuffer)
      // Four times what was read would be 240 KiB.
      if used < limit / 2 { #expect(buffer > 64 << 10) } else { #expect(buffer == 64 << 10) }
    }
  }
}
