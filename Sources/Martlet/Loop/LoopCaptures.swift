import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace

/// The live captures of one loop. While there is one, packets take the way through here; without, this costs a look for
/// each batch.
package struct LoopCaptures {
  private struct Attached {
    let capture: LiveCapture
    /// What the capture calls the loop.
    let loop: Int
  }

  private var attached: [Attached] = []
  /// Why the stack did what it did, as far as no packet has told it.
  private var reasons = PacketReasons()

  init() {}

  var isEmpty: Bool { attached.isEmpty }

  package mutating func attach(_ capture: LiveCapture, as loop: Int, _ stack: borrowing NetworkStack) {
    if attached.isEmpty { reasons = PacketReasons(from: stack.recordsWritten) }
    attached.append(Attached(capture: capture, loop: loop))
  }

  package mutating func detach(_ capture: LiveCapture) { attached.removeAll { $0.capture === capture } }

  private var explains: Bool { attached.contains { $0.capture.explains } }

  /// Hands the stack a packet, and shows it with what the stack decided.
  mutating func receive(
    _ packet: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID, _ stack: inout NetworkStack,
    _ now: Instant
  ) {
    guard explains else {
      stack.receive(packet, metadata, on: interface, now: now)
      return show(.received, packet, metadata, on: interface, "", now)
    }
    reasons.gather(stack)
    let before = stack.counters
    stack.receive(packet, metadata, on: interface, now: now)
    let text = reasons.ofArrival(stack, since: before)
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
      reasons.gather(stack)
      let isEthernet = attached.first?.capture.isEthernet(interface, of: attached[0].loop) ?? false
      text = reasons.ofDeparture(packet, isEthernet: isEthernet, stack)
    }
    show(.sent, packet, next.metadata, on: interface, text, now)
    return next
  }

  private func show(
    _ direction: MartletLinks.PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata,
    on interface: InterfaceID, _ reason: String, _ now: Instant
  ) {
    for one in attached {
      one.capture.add(
        direction, packet, metadata, on: interface, of: one.loop, reason: one.capture.explains ? reason : "",
        now)
    }
  }
}
