import MartletTCP
import MartletWire
import Testing

@Suite("Congestion control of one connection")
struct ControlOptionTests {
  private func options(_ control: CongestionControl?) -> ConnectionOptions {
    var options = ConnectionOptions()
    options.congestionControl = control
    return options
  }

  private func control(_ endpoint: borrowing Endpoint) -> CongestionControl {
    endpoint.tcb.congestion.algorithm.control
  }

  @Test(
    "MAY-18 Its options decide, on both sides; without them the configuration",
    arguments: CongestionControl.allCases
  )
  func chosen(_ wanted: CongestionControl) {
    var configuration = TCPConfiguration()
    configuration.congestionControl = wanted
    let configured = EndpointPair(configuration: configuration)
    #expect(control(configured.client) == wanted)
    #expect(control(configured.server) == wanted)
    for other in CongestionControl.allCases {
      let pair = EndpointPair(
        clientOptions: options(other), serverOptions: options(wanted), configuration: configuration)
      #expect(control(pair.client) == other)
      #expect(control(pair.server) == wanted)
      #expect(pair.client.tcb.options.congestionControl == other)
    }
  }

  @Test(
    "Every algorithm delivers, and repairs a loss in every position", arguments: CongestionControl.allCases)
  func delivers(_ control: CongestionControl) throws {
    let text = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    for position in stride(from: 1, through: 61, by: 3) {
      var pair = EndpointPair(clientOptions: options(control), serverOptions: options(control))
      #expect(try pair.client.send(text, pair.now) == text.count)
      pair.run(drop: { $0 == position })
      pair.wait(.seconds(3))
      #expect(try pair.server.receive(65_536, pair.now) == text, "the loss of segment \(position)")
      #expect(pair.client.tcb.checkInvariants(cold: pair.client.cold, pair.client.around.pool) == nil)
      #expect(pair.client.tcb.congestion.cwnd >= 1_448)
    }
  }

  @Test("It changes on a living connection, in the middle of a transfer: cwnd and ssthresh stay")
  func changes() throws {
    let text = [UInt8](repeating: 7, count: 200_000)
    for from in CongestionControl.allCases {
      for to in CongestionControl.allCases {
        var pair = EndpointPair(clientOptions: options(from))
        #expect(try pair.client.send(text, pair.now) == text.count)
        pair.run(turns: 6, drop: { $0 == 12 })
        let window = pair.client.tcb.congestion.window
        let phase = pair.client.tcb.recovery.phase
        var changed = pair.client.tcb.options
        changed.congestionControl = to
        _ = pair.client.tcb.set(changed, cold: pair.client.cold, pair.client.around, now: pair.now)
        #expect(control(pair.client) == to)
        #expect(pair.client.tcb.congestion.cwnd == window.cwnd)
        if phase == .open { #expect(pair.client.tcb.congestion.ssthresh == window.ssthresh) }
        // Nil leaves what there is.
        changed.congestionControl = nil
        _ = pair.client.tcb.set(changed, cold: pair.client.cold, pair.client.around, now: pair.now)
        #expect(control(pair.client) == to)
        pair.wait(.seconds(3))
        #expect(try pair.server.receive(200_000, pair.now) == text)
        pair.run()
        #expect(pair.client.cold.send.isEmpty)
      }
    }
  }
}
