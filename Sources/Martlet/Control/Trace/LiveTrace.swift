import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire
import Synchronization

/// A trace on its way from loops, which never wait, to somebody who reads it as fast as he can.
///
/// What does not fit into the room between the two is left out, and the next event that does is told how much was.
package final class LiveTrace: Sendable {
  private struct State {
    var pending: [TraceEvent] = []
    var lost: UInt64 = 0
    var isOver = false
  }

  /// Between whom, as the stack sees it: the source is our end.
  private let filter: FlowFilter
  /// Of each loop's links, whether their packets are Ethernet frames.
  private let isEthernet: [[Bool]]
  private let interfaces: [[InterfaceID]]
  /// Events that may wait.
  private let room: Int
  private let state = Mutex(State())
  private let wakeup: Wakeup

  package init(_ filter: FlowFilter, of links: [[LinkReport]], room: Int, waking wakeup: Wakeup) {
    self.filter = filter
    isEthernet = links.map { $0.map(\.isEthernet) }
    interfaces = links.map { $0.map(\.interface) }
    self.room = room
    self.wakeup = wakeup
  }

  // MARK: For loops

  /// A packet that passes a link; what is no whole TCP segment is not told of.
  func add(
    _ direction: MartletLinks.PacketDirection, _ packet: RawSpan, on interface: InterfaceID, of loop: Int,
    _ now: Instant
  ) {
    let index = interfaces[loop].firstIndex(of: interface)
    guard let segment = Self.segment(in: packet, isEthernet: index.map { isEthernet[loop][$0] } ?? false)
    else { return }
    add(.segment(segment, direction == .received ? .inbound : .outbound, at: now))
  }

  func add(_ reasons: [PacketReasons.Reason], lost: UInt64) {
    if lost > 0 { state.withLock { $0.lost += lost } }
    for reason in reasons { add(.record(reason.record, of: reason.flow)) }
  }

  private static func segment(in packet: RawSpan, isEthernet: Bool) -> TracedSegment? {
    guard isEthernet else { return try? TracedSegment(packet: packet) }
    guard let frame = EthernetHeaderView(validating: packet),
      frame.etherType == .ipv4 || frame.etherType == .ipv6
    else { return nil }
    return try? TracedSegment(packet: frame.payload)
  }

  private func add(_ event: TraceEvent) {
    guard filter.passes(event) else { return }
    let isNews = state.withLock { state in
      guard !state.isOver, state.pending.count < room else {
        state.lost += 1
        return false
      }
      let wasEmpty = state.pending.isEmpty
      if state.lost > 0 {
        state.pending.append(.lost(state.lost))
        state.lost = 0
      }
      state.pending.append(event)
      return wasEmpty
    }
    if isNews { wakeup.signal() }
  }

  // MARK: For the reader

  /// What has come since the last call.
  package func take() -> [TraceEvent] {
    state.withLock { state in
      defer { state.pending = [] }
      return state.pending
    }
  }

  /// Takes no more.
  package func end() { state.withLock { $0.isOver = true } }
}

extension FlowFilter {
  fileprivate func passes(_ event: TraceEvent) -> Bool {
    guard self != FlowFilter() else { return true }
    guard let flow = event.flow else { return false }
    return passes(
      FilterSubject(
        source: flow.local.address, flow.local.port, destination: flow.remote.address, flow.remote.port))
  }
}
