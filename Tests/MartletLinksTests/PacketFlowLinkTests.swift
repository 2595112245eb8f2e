import MartletLinks
import MartletStack
import MartletTCP
import MartletWire
import Synchronization
import Testing

/// A system's flow: what is put in is read when somebody asks, in batches.
private final class SomeFlow: PacketFlow {
  private struct State {
    var arrived: [[UInt8]] = []
    var handler: (@Sendable ([[UInt8]]) -> Void)?
    var reads = 0
    var written: [[[UInt8]]] = []
  }
  private let state = Mutex(State())

  var reads: Int { state.withLock { $0.reads } }
  var written: [[[UInt8]]] { state.withLock { $0.written } }
  var isAsked: Bool { state.withLock { $0.handler != nil } }

  func arrive(_ packets: [[UInt8]]) {
    state.withLock { $0.arrived += packets }
    answer()
  }

  private func answer() {
    let call: ((@Sendable ([[UInt8]]) -> Void), [[UInt8]])? = state.withLock { state in
      guard let handler = state.handler, !state.arrived.isEmpty else { return nil }
      state.handler = nil
      defer { state.arrived = [] }
      return (handler, state.arrived)
    }
    if let (handler, packets) = call { handler(packets) }
  }

  func read(_ handler: @escaping @Sendable ([[UInt8]]) -> Void) {
    state.withLock {
      $0.handler = handler
      $0.reads += 1
    }
    answer()
  }

  func write(_ packets: [[UInt8]]) { state.withLock { $0.written.append(packets) } }
  func packet(_ octets: RawSpan) -> [UInt8] { octets.withUnsafeBytes { Array($0) } }
  func show(_ packet: [UInt8], _ body: (RawSpan) -> Void) { body(packet.span.bytes) }
}

@Suite("Flows of a packet tunnel")
struct PacketFlowLinkTests {
  private let now = Instant.origin

  private func taken(_ link: inout PacketFlowLink<SomeFlow>, _ limit: Int = 100) throws -> [[UInt8]] {
    var all: [[UInt8]] = []
    _ = try link.receive(limit: limit, now: now) { packet, _ in
      all.append(packet.withUnsafeBytes { Array($0) })
    }
    return all
  }

  @Test("What the system reads arrives in order, and what leaves is one batch")
  func carries() throws {
    let flow = SomeFlow()
    var link = try PacketFlowLink(flow)
    #expect(flow.isAsked && link.mtu == 1_500 && link.largestPacket == 1_500)
    #expect(try taken(&link).isEmpty)
    flow.arrive([[0x45, 1], [0x45, 2], [0x60, 3]])
    #expect(flow.isAsked)
    flow.arrive([[0x45, 4]])
    #expect(try taken(&link, 2) == [[0x45, 1], [0x45, 2]])
    #expect(try taken(&link) == [[0x60, 3], [0x45, 4]])
    #expect(try taken(&link).isEmpty)
    var next: UInt8 = 0
    let outcome = try link.send(limit: 100, now: now) { room in
      guard next < 3 else { return nil }
      next += 1
      room.storeBytes(of: next, toByteOffset: 0, as: UInt8.self)
      return OutgoingPacket(count: 1)
    }
    #expect(outcome == .drained && flow.written == [[[1], [2], [3]]])
    #expect(link.counters.sentPackets == 3 && link.counters.receivedPackets == 4)
    #expect(link.counters.receivedOctets == 8)
    _ = try link.send(limit: 1, now: now) { _ in nil }
    #expect(flow.written.count == 1)
  }

  @Test("S5.4 while the stack takes nothing, no more is read than the limit and one batch")
  func bounded() throws {
    let flow = SomeFlow()
    var link = try PacketFlowLink(flow, limit: 10_000)
    var batches = 0
    while flow.isAsked, batches < 1_000 {
      flow.arrive([[UInt8]](repeating: [UInt8](repeating: 0x45, count: 1_000), count: 4))
      batches += 1
    }
    #expect(batches == 3)
    // What comes meanwhile stays in the system.
    flow.arrive([[0x45, 7]])
    #expect(flow.reads == 3)
    #expect(try taken(&link, 1).count == 1 && !flow.isAsked)
    #expect(try taken(&link, 2).count == 2)
    #expect(try taken(&link).count == 10)
    #expect(flow.isAsked)
  }

  @Test("Empty packets are bounded, too")
  func empty() throws {
    let flow = SomeFlow()
    var link = try PacketFlowLink(flow, limit: 6_400)
    var count = 0
    while flow.isAsked, count < 10_000 {
      flow.arrive([[]])
      count += 1
    }
    #expect(count == 100)
    #expect(try taken(&link, 1_000).count == 100)
  }

  @Test("A link that has ended is not called any more; one that cannot be is refused")
  func ends() throws {
    let flow = SomeFlow()
    do {
      let link = try PacketFlowLink(flow)
      #expect(link.readiness != nil)
    }
    flow.arrive([[0x45]])
    #expect(!flow.isAsked)
    var code: LinkError.Code?
    do throws(LinkError) { _ = try PacketFlowLink(flow, mtu: 575) } catch { code = error.code }
    #expect(code == .badMTU)
  }
}
