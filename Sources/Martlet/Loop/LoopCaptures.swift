import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace

/// The live captures and traces of one loop. While there is one, packets take the way through here; without, this costs a
/// look for each batch.
package struct LoopCaptures {
  /// Somebody who watches, and what he calls the loop.
  private struct Capture {
    let capture: LiveCapture
    let loop: Int
  }
  private struct Trace {
    let trace: LiveTrace
    let loop: Int
  }

  private var captures: [Capture] = []
  private var traces: [Trace] = []
  /// Why the stack did what it did, as far as no packet has told it.
  private var reasons = PacketReasons()

  init() {}

  var isEmpty: Bool { captures.isEmpty && traces.isEmpty }

  package mutating func attach(_ capture: LiveCapture, as loop: Int, _ stack: borrowing NetworkStack) {
    if isEmpty { reasons = PacketReasons(from: stack.recordsWritten) }
    captures.append(Capture(capture: capture, loop: loop))
  }

  package mutating func detach(_ capture: LiveCapture) { captures.removeAll { $0.capture === capture } }

  package mutating func attach(_ trace: LiveTrace, as loop: Int, _ stack: borrowing NetworkStack) {
    if isEmpty { reasons = PacketReasons(from: stack.recordsWritten) }
    traces.append(Trace(trace: trace, loop: loop))
  }

  package mutating func detach(_ trace: LiveTrace) { traces.removeAll { $0.trace === trace } }

  private var explains: Bool { !traces.isEmpty || captures.contains { $0.capture.explains } }

  /// Hands the stack a packet, and shows it with what the stack decided.
  mutating func receive(
    _ packet: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID, _ stack: inout NetworkStack,
    _ now: Instant
  ) {
    guard explains else {
      stack.receive(packet, metadata, on: interface, now: now)
      return show(.received, packet, metadata, on: interface, "", now)
    }
    gather(stack)
    for one in traces { one.trace.add(.received, packet, on: interface, of: one.loop, now) }
    let before = stack.counters
    stack.receive(packet, metadata, on: interface, now: now)
    let decided = reasons.read(stack)
    tell(decided)
    let text = PacketReasons.ofArrival(decided, stack, since: before)
    show(.received, packet, metadata, on: interface, text, now)
  }

  /// Asks the stack for a packet, and shows it with the reasons that wait for one of its flow.
  mutating func nextPacket(
    on interface: InterfaceID, into buffer: inout MutableRawSpan, _ stack: inout NetworkStack, _ now: Instant
  ) -> OutgoingPacket? {
    let next = stack.nextPacket(on: interface, into: &buffer, now: now)
    guard let next else { return nil }
    let packet = buffer.bytes.extracting(first: next.count)
    var text = ""
    if explains {
      gather(stack)
      for one in traces { one.trace.add(.sent, packet, on: interface, of: one.loop, now) }
      let isEthernet = captures.first.map { $0.capture.isEthernet(interface, of: $0.loop) } ?? false
      text = reasons.ofDeparture(packet, isEthernet: isEthernet, stack)
    }
    show(.sent, packet, next.metadata, on: interface, text, now)
    return next
  }

  /// Tells of what timers and calls have decided, and no packet has shown.
  mutating func gather(_ stack: borrowing NetworkStack) {
    guard explains else { return }
    let decided = reasons.gather(stack)
    tell(decided)
  }

  private mutating func tell(_ decided: [PacketReasons.Reason]) {
    let lost = reasons.takeLost()
    guard !decided.isEmpty || lost > 0 else { return }
    for one in traces { one.trace.add(decided, lost: lost) }
  }

  private func show(
    _ direction: MartletLinks.PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata,
    on interface: InterfaceID, _ reason: String, _ now: Instant
  ) {
    for one in captures {
      one.capture.add(
        direction, packet, metadata, on: interface, of: one.loop, reason: one.capture.explains ? reason : "",
        now)
    }
  }
}
