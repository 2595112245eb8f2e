import MartletTCP
import MartletTrace

/// Segments that have something odd, a line each, as they are found.
final class FindingLines {
  private let isJSON: Bool
  private let language: Language
  private var pending = ""
  private var failure: DeliveryError?

  init(isJSON: Bool, language: Language) {
    self.isJSON = isJSON
    self.language = language
  }

  func add(
    _ packet: UInt64, _ flow: Int, _ side: Side, _ findings: SegmentFindings, _ segment: TracedSegment
  ) {
    pending += isJSON ? json(packet, flow, side, findings) : text(packet, flow, findings, segment)
    if pending.utf8.count > 64 << 10 { flush() }
  }

  func end() throws {
    flush()
    if let failure { throw failure }
  }

  private func flush() {
    if failure == nil {
      do throws(DeliveryError) { try OutputStream.output.deliver(pending) } catch { failure = error }
    }
    pending = ""
  }

  private func text(
    _ packet: UInt64, _ flow: Int, _ findings: SegmentFindings, _ segment: TracedSegment
  ) -> String {
    "\(packet)".aligned(right: 8) + "  #\(flow)".padded(to: 9)
      + "\(segment.source.text) → \(segment.destination.text)  "
      + "\(segment.flags.text) len=\(segment.textCount)  \(findings.text(language))\n"
  }

  private func json(_ packet: UInt64, _ flow: Int, _ side: Side, _ findings: SegmentFindings) -> String {
    var object = JSONObject()
    object.add("type", "finding")
    object.add("packet", packet)
    object.add("flow", UInt64(flow))
    object.add("from", side == .left ? "client" : "server")
    object.add("findings", findings.names)
    return object.text + "\n"
  }
}
