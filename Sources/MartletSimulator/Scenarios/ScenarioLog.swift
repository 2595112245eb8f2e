import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

/// What crossed the link.
final class ScenarioLog {
  private(set) var count = 0
  var damaged: [Int] = []
  private var seen: [(observation: Observation, number: Int)] = []
  private var isWithheld = false

  /// A segment leaves.
  func begin(_ packet: TransitPacket) { count += 1 }

  func withhold() { isWithheld = true }

  /// - Parameter isHeard: whoever it goes to is there.
  func note(_ observation: Observation, isHeard: Bool) {
    defer { isWithheld = false }
    guard !isWithheld else { return }
    var observation = observation
    if !isHeard { observation.arrival = nil }
    seen.append((observation, observation.isForged ? 0 : count))
  }

  /// The newest segment that an end has sent.
  func last(from end: Endpoint) -> TracedSegment? {
    for (observation, _) in seen.reversed() where !observation.isForged {
      guard let segment = try? TracedSegment(packet: observation.packet.octets.rawSpan) else { continue }
      if segment.source == TraceEndpoint(end.address, end.port) { return segment }
    }
    return nil
  }

  /// As a ladder draws it: a second copy is an arrow of its own.
  func observations(_ ends: [Endpoint]) -> [MartletTrace.Observation] {
    var drawn: [MartletTrace.Observation] = []
    let left = TraceEndpoint(ends[0].address, ends[0].port)
    let right = TraceEndpoint(ends[1].address, ends[1].port)
    for (observation, number) in seen {
      guard let segment = try? TracedSegment(packet: observation.packet.octets.rawSpan) else { continue }
      let side: Side
      switch (segment.source, segment.destination) {
      case (left, right): side = .left
      case (right, left): side = .right
      default: continue
      }
      let isDamaged = number > 0 && damaged.contains(number)
      var arrow = MartletTrace.Observation(
        segment, from: side, at: observation.packet.time, arrival: observation.arrival,
        isLost: observation.arrival == nil || isDamaged)
      arrow.number = number
      arrow.isForged = observation.isForged
      drawn.append(arrow)
      if let second = observation.secondArrival {
        arrow.arrival = second
        arrow.isCopy = true
        drawn.append(arrow)
      }
    }
    return drawn
  }

  // MARK: The capture

  /// A pcapng file of all packets. What an end did and decided when a packet reached it stands beside that packet, and
  /// what came of itself beside the next one that it sent.
  func capture(_ notes: [LadderNote], ends: [Endpoint]) -> [UInt8] {
    var capture = SimulationCapture()
    let arrivals = (left: arrivals(at: ends[0]), right: arrivals(at: ends[1]))
    var told = [Bool](repeating: false, count: notes.count)
    for (observation, _) in seen {
      let packet = observation.packet
      let source = (try? TracedSegment(packet: packet.octets.rawSpan)).map { $0.source }
      let sender: Side = source == TraceEndpoint(ends[0].address, ends[0].port) ? .left : .right
      var lines: [String] = []
      for (place, note) in notes.enumerated() where !told[place] {
        if note.time > packet.time, note.time > observation.arrival ?? packet.time { break }
        let isCause =
          note.side == sender && note.time <= packet.time
          && !(sender == .left ? arrivals.left : arrivals.right).contains(note.time)
        let isEffect = note.side != sender && note.time == observation.arrival
        guard isCause || isEffect else { continue }
        lines.append(note.text)
        told[place] = true
      }
      capture.note(observation, comment: lines)
    }
    return capture.octets
  }

  /// When something reached an end.
  private func arrivals(at end: Endpoint) -> [Instant] {
    seen.compactMap { observation, _ in
      let segment = try? TracedSegment(packet: observation.packet.octets.rawSpan)
      return segment?.destination == TraceEndpoint(end.address, end.port) ? observation.arrival : nil
    }
  }
}

extension LadderNote {
  /// Numbers are as on the wire.
  fileprivate var text: String {
    let words =
      switch happening {
      case .event(let event): event.text(.english)
      case .record(let record): describe(record)
      }
    return count == 1 ? words : String(count) + " × " + words
  }
}
