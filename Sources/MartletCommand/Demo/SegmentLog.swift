import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace

/// The TCP segments that passed a link, in order.
final class SegmentLog {
  private(set) var segments: [(time: Instant, segment: TracedSegment)] = []
  let capture: CaptureFile?

  init(capture: CaptureFile?) {
    self.capture = capture
  }

  func add(
    _ direction: MartletLinks.PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata, at now: Instant
  ) {
    capture?.add(direction, packet, metadata, at: now)
    guard let segment = try? TracedSegment(packet: packet) else { return }
    segments.append((now, segment))
  }

  /// Who sent the first segment to `server`.
  func kernelEndpoint(_ server: Endpoint) -> TraceEndpoint? {
    let destination = TraceEndpoint(server.address, server.port)
    return segments.first { $0.segment.destination == destination }?.segment.source
  }
}

/// Puts every segment of a link into a log.
struct SegmentTap: PacketTap {
  let log: SegmentLog

  func observe(
    _ direction: MartletLinks.PacketDirection, _ packet: RawSpan, _ metadata: PacketMetadata, at now: Instant
  ) {
    log.add(direction, packet, metadata, at: now)
  }
}
