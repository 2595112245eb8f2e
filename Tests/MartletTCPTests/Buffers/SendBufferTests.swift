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
}
