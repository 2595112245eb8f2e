import MartletStack
import MartletTCP
import MartletWire
import Synchronization
import SystemPackage

/// The link of a packet-tunnel provider: a `PacketFlow`, which calls back on threads of its own, for a stack on one.
///
/// What has been read and not yet been taken is bounded, by packets and by octets: nothing more is read before there is room,
/// so that the system's queue fills and not this process, which may have 50 MB in all.
public struct PacketFlowLink<Flow: PacketFlow>: Link, ~Copyable, Sendable {
  public let name: String
  public let mtu: Int
  public private(set) var counters = LinkCounters()
  private let flow: Flow
  private let inbox: PacketInbox<Flow>
  private var departure: PacketBuffer

  /// - Parameters:
  ///   - mtu: octets of the largest IP packet, as the tunnel's settings have it, 576 to 65,535.
  ///   - limit: octets that may wait here for the stack; one batch of the system's comes on top.
  public init(_ flow: Flow, name: String = "tunnel", mtu: Int = 1_500, limit: Int = 256 << 10)
    throws(LinkError)
  {
    guard (576...65_535).contains(mtu) else {
      throw LinkError(.badMTU, "No tunnel can have an MTU of \(mtu). Choose one from 576 to 65535.")
    }
    let wakeup = try Wakeup()
    self.name = name
    self.mtu = mtu
    self.flow = flow
    inbox = PacketInbox(flow, limit: limit, wakeup: wakeup)
    departure = PacketBuffer(capacity: mtu)
    inbox.read()
  }

  public var largestPacket: Int { mtu }
  public var readiness: FileDescriptor? { inbox.wakeup.descriptor }
  public var roomSignal: RoomSignal { .readable }

  public mutating func receive(
    limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    inbox.wakeup.clear()  // before looking: what arrives while we look signals again
    let packets = inbox.take(limit)
    for packet in packets {
      flow.show(packet) { octets in
        counters.countReceived(octets.byteCount)
        deliver(octets, PacketMetadata())
      }
    }
    return packets.count
  }

  public mutating func send(
    limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome {
    var packets: [Flow.Packet] = []
    defer { if !packets.isEmpty { flow.write(packets) } }
    while packets.count < limit {
      guard let count = departure.lend(body: { fill(&$0)?.count }) else { return .drained }
      packets.append(departure.show(count, flow.packet))
      counters.countSent(count)
    }
    return .limit
  }
}

/// What a flow has read, until the stack takes it.
private final class PacketInbox<Flow: PacketFlow>: Sendable {
  let wakeup: Wakeup
  private let flow: Flow
  private let limit: Int
  private let state = Mutex(State())

  private struct State {
    /// Those from `first` on wait.
    var packets: [Flow.Packet] = []
    var first = 0
    var octets = 0
    /// The flow has been asked, and has not answered.
    var isReading = false
  }

  init(_ flow: Flow, limit: Int, wakeup: Wakeup) {
    self.flow = flow
    self.limit = limit
    self.wakeup = wakeup
  }

  /// Asks the flow for more, if it is not asked already and there is room.
  func read() {
    let asks = state.withLock { state in
      guard !state.isReading, state.octets < limit else { return false }
      state.isReading = true
      return true
    }
    guard asks else { return }
    // Weak: the handler may wait for ever in a tunnel that nobody uses.
    flow.read { [weak self] in self?.arrive($0) }
  }

  private func arrive(_ packets: [Flow.Packet]) {
    let octets = packets.reduce(0) { $0 + size($1) }
    state.withLock { state in
      state.isReading = false
      state.packets += packets
      state.octets += octets
    }
    wakeup.signal()
    read()
  }

  /// The first of those that wait, `limit` at most.
  func take(_ limit: Int) -> [Flow.Packet] {
    let taken = state.withLock { state in
      let end = min(state.packets.count, state.first + max(limit, 0))
      let taken = Array(state.packets[state.first..<end])
      state.first = end
      if end == state.packets.count {
        state.packets.removeAll(keepingCapacity: true)
        state.first = 0
      }
      return taken
    }
    let octets = taken.reduce(0) { $0 + size($1) }
    state.withLock { $0.octets -= octets }
    if octets > 0 { read() }
    return taken
  }

  private func size(_ packet: Flow.Packet) -> Int {
    var count = 0
    flow.show(packet) { count = $0.byteCount }
    // A packet that has nothing in it has a place all the same.
    return count + 64
  }
}
