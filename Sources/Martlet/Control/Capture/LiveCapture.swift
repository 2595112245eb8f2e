import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace
import Synchronization

/// A pcapng capture on its way from loops, which never wait, to somebody who reads it as fast as he can.
///
/// What does not fit into the room between the two is left out, and the file says how much: before the next packet, and
/// at its end.
package final class LiveCapture: Sendable {
  package struct Terms: Sendable {
    package var filter = FlowFilter()
    /// Octets of a packet; 0: all.
    package var snapLength: UInt32 = 0
    /// Packets after which it ends; 0: any number.
    package var count: UInt64 = 0
    /// Each packet has a comment that says what the stack decided on it.
    package var explains = false

    package init() {}
  }

  /// A link of one of the loops.
  struct Place: Hashable {
    let loop: Int
    let interface: UInt16

    init(_ loop: Int, _ interface: InterfaceID) {
      self.loop = loop
      self.interface = interface.rawValue
    }
  }

  private struct Source {
    let id: PcapngInterfaceID
    let isEthernet: Bool
    var passed: UInt64 = 0
    var dropped: UInt64 = 0
    /// Of these, the ones that no packet has told of yet.
    var untold: UInt64 = 0
  }

  private struct State {
    var writer: PcapngWriter
    var pending: [UInt8] = []
    var sources: [Place: Source] = [:]
    var taken: UInt64 = 0
    var isOver = false
  }

  private let terms: Terms
  private let room: Int
  private let state: Mutex<State>
  private let wakeup: Wakeup

  /// - Parameters:
  ///   - links: of each loop.
  ///   - room: octets that may wait.
  package init(
    _ terms: Terms, of links: [[LinkReport]], room: Int, waking wakeup: Wakeup,
    epoch: UInt64 = CaptureFile.systemEpoch
  ) {
    self.terms = terms
    self.room = room
    self.wakeup = wakeup
    var pending: [UInt8] = []
    var writer = PcapngWriter(into: &pending, application: "martlet", epoch: epoch)
    var sources: [Place: Source] = [:]
    for (loop, links) in links.enumerated() {
      for link in links {
        let id = writer.add(
          PcapngInterface(
            link.isEthernet ? .ethernet : .rawIP, name: link.name,
            summary: loop == 0 ? "" : "shard \(loop)", snapLength: terms.snapLength), into: &pending)
        sources[Place(loop, link.interface)] = Source(id: id, isEthernet: link.isEthernet)
      }
    }
    state = Mutex(State(writer: writer, pending: pending, sources: sources))
  }

  package var explains: Bool { terms.explains }

  func isEthernet(_ interface: InterfaceID, of loop: Int) -> Bool {
    state.withLock { $0.sources[Place(loop, interface)]?.isEthernet ?? false }
  }

  // MARK: For loops

  func add(
    _ direction: MartletLinks.PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata,
    on interface: InterfaceID, of loop: Int, reason: String, _ now: Instant
  ) {
    let place = Place(loop, interface)
    guard let sum = metadata.completedChecksum(of: packet) else {
      return packet.withUnsafeBytes { add($0, direction, at: place, reason, now) }
    }
    // A device has yet to complete it, and a reader wants to see what would be on a wire.
    var whole = packet.withUnsafeBytes { [UInt8]($0) }
    whole[sum.place] = UInt8(sum.field >> 8)
    whole[sum.place + 1] = UInt8(sum.field & 0xff)
    whole.withUnsafeBytes { add($0, direction, at: place, reason, now) }
  }

  private func add(
    _ packet: UnsafeRawBufferPointer, _ direction: MartletLinks.PacketDirection, at place: Place,
    _ reason: String, _ now: Instant
  ) {
    let isNews = state.withLock { state in
      Self.add(packet.bytes, direction, at: place, reason, now, terms, room, &state)
    }
    if isNews { wakeup.signal() }
  }

  /// True: something waits now, and nothing did before.
  private static func add(
    _ packet: RawSpan, _ direction: MartletLinks.PacketDirection, at place: Place, _ reason: String,
    _ now: Instant, _ terms: Terms, _ room: Int, _ state: inout State
  ) -> Bool {
    guard !state.isOver, var source = state.sources[place] else { return false }
    if terms.filter != FlowFilter() {
      guard let ends = PacketEnds(packet, isEthernet: source.isEthernet), terms.filter.passes(ends.subject)
      else { return false }
    }
    source.passed += 1
    defer { state.sources[place] = source }
    let kept = terms.snapLength == 0 ? packet.byteCount : min(packet.byteCount, Int(terms.snapLength))
    guard state.pending.count + kept + reason.utf8.count + 96 <= room else {
      source.dropped += 1
      source.untold += 1
      return false
    }
    let wasEmpty = state.pending.isEmpty
    let way: MartletTrace.PacketDirection = direction == .received ? .inbound : .outbound
    state.writer.write(
      packet, at: now, on: source.id, direction: way, comment: reason, lost: source.untold,
      into: &state.pending)
    source.untold = 0
    state.taken += 1
    if terms.count > 0, state.taken >= terms.count { state.isOver = true }
    return wasEmpty || state.isOver
  }

  // MARK: For the reader

  /// What has come since the last call; whether nothing more will.
  package func take() -> (octets: [UInt8], isOver: Bool) {
    state.withLock { state in
      defer { state.pending = [] }
      return (state.pending, state.isOver)
    }
  }

  /// Takes no more packets. What is still to be written: how it went.
  package func end(at now: Instant) -> [UInt8] {
    state.withLock { state in
      state.isOver = true
      var octets = state.pending
      state.pending = []
      for source in state.sources.values {
        state.writer.writeStatistics(
          of: source.id, received: source.passed, dropped: source.dropped, at: now, into: &octets)
      }
      return octets
    }
  }
}
