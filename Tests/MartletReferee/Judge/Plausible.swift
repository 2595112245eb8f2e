// Whatever explains a difference, Martlet's segments must fit what it said before. What no explanation may excuse is
// here: numbers that were never right, timestamps that come or go, a window that shuts for no reason.

extension Difference {
  var isPlausible: Bool {
    var next = view.sndNxt
    return martlet.answers.allSatisfy { answer in
      guard hasRightNumber(answer, &next) else { return false }
      if answer.flags.contains(.rst) { return acknowledgesSomething(answer, isReset: true) }
      return acknowledgesSomething(answer, isReset: false) && hasRightStamps(answer) && hasRightWindow(answer)
        && hasRightOffer(answer)
    } && !saysTwice && hasRightState
  }

  /// What moves a connection must have come: an acknowledgment of our FIN, the peer's FIN, a reset.
  private var hasRightState: Bool {
    if martlet.state == "over", martletState != "over", segment != nil {
      let isLast = at("CLOSING", "LAST-ACK") && injects(.ack) && ack == view.sndNxt
      let isFinished = at("FIN-WAIT-1", "FIN-WAIT-2") && known.contains(where: \.hasFinish)
      guard isLast || isFinished || flags.contains(.rst) || martlet.kinds.hasSuffix("RST+ACK") else {
        return false
      }
    }
    guard let state = martlet.state, let last = martlet.answers.last?.ack, last > view.rcvNxt else {
      return true
    }
    // Whoever acknowledges a FIN has taken it.
    let isFinish =
      known.contains { $0.hasFinish && $0.end == last }
      && !known.contains { !$0.hasFinish && $0.end >= last }
    return !isFinish || ["CLOSE-WAIT", "CLOSING", "LAST-ACK", "over"].contains(state)
  }

  /// All segments, with this one.
  var known: [Arrival] { arrivals + [arrival].compactMap { $0 } }

  /// SND.NXT, or the beginning of what was sent before, or a probe's number.
  private func hasRightNumber(_ answer: Answer, _ next: inout Int) -> Bool {
    if answer.flags.contains(.rst) {
      // RFC 9293 §3.10.7.1: "<SEQ=SEG.ACK><CTL=RST>" or "<SEQ=0><ACK=…><CTL=RST,ACK>"; of a connection SND.NXT.
      guard answer.flags.contains(.ack) else { return answer.seq == ack }
      return answer.isNumberZero || answer.seq == next || answer.seq == lastEdge
    }
    if answer.flags.contains(.syn) {
      next = max(next, 1)
      return answer.seq == 0
    }
    let end = answer.seq + answer.length + (answer.flags.contains(.fin) ? 1 : 0)
    // Of the connection before, whose TIME-WAIT goes on behind a SYN that was an old duplicate.
    if isOldTimeWait, end == answer.seq { return true }
    if answer.seq == next {
      next = end
      return true
    }
    if end == answer.seq {
      return answer.seq == windowsNumber || answer.seq == lastEdge || isWait && answer.seq == una - 1
    }
    // Once more, or a tail-loss probe, which ends where the last segment does.
    if isSend { return end == next && answer.time > 0 && endsInEarlyProbe }
    return starts.contains(answer.seq) && end <= next || end == next
  }

  /// Where segments began that Martlet has sent, and what is not acknowledged yet.
  private var starts: Set<Int> {
    Set(history.flatMap(\.outcome.answers).map(\.seq) + [una, max(una, ack)])
  }

  /// The number of a bare acknowledgment, which must be inside the peer's window to be acceptable there.
  var windowsNumber: Int { min(view.sndNxt, max(una, peerEdge)) }

  /// Behind the last octet that the peer has ever allowed.
  var peerEdge: Int {
    known.filter(\.isAccepted)
      .map { $0.ack + $0.segment.window(scale: peerScale) }.max() ?? 0
  }

  /// Of the peer's windows.
  var peerScale: Int { Int(min(syn?.windowScale ?? 0, 14)) }

  /// What came before, or the end of something that has come.
  private func acknowledgesSomething(_ answer: Answer, isReset: Bool) -> Bool {
    guard let number = answer.ack else { return answer.flags == .rst || answer.flags == .syn }
    if number == view.rcvNxt { return true }
    if !isReset, !answer.flags.contains(.syn), !isOldTimeWait {
      // Nothing has come that could be acknowledged, or what was acknowledged is so for ever.
      guard segment != nil else { return false }
      if isSynchronized || at("SYN-RECEIVED"), number < view.rcvNxt { return false }
    }
    return known.contains {
      sameNumber($0.end, number) || $0.segment.flags.contains(.syn) && sameNumber($0.seq + 1, number)
        || $0.view.rcvEdge == number && $0.end > number || isWithoutFinish($0, number)
    }
      || view.rcvEdge == number && isReset == false && end > number
  }

  /// The end of its text, where its FIN does not count because text beyond it came before.
  private func isWithoutFinish(_ arrival: Arrival, _ number: Int) -> Bool {
    arrival.hasFinish && arrival.segment.length > 0 && arrival.end - 1 == number
      && known.contains {
        $0.index < arrival.index && $0.segment.length > 0 && $0.seq + $0.segment.length >= arrival.end
      }
  }

  private func hasRightStamps(_ answer: Answer) -> Bool {
    guard !answer.flags.contains(.syn), !isOldTimeWait else { return true }
    // In SYN-SENT it is the SYN-ACK that agrees, whatever one that was refused has offered.
    let agrees = at("SYN-SENT", "LISTEN") ? offersNow : view.usesStamps
    guard agrees else { return answer.echo == nil }
    guard let echo = answer.echo else { return false }
    // TS.Recent of before, or of what has come since.
    guard let last = view.lastEcho else { return true }
    return echo == last || echo > last && known.contains { $0.clock == echo }
  }

  /// TIME-WAIT has outlived a half-open connection on the same ports.
  var isOldTimeWait: Bool { at("TIME-WAIT") && arrivals.contains { $0.state == "SYN-RECEIVED" } }

  private var offersNow: Bool {
    guard let segment, segment.flags.contains(.syn), case .present = segment.stamps else { return false }
    return true
  }

  private func hasRightWindow(_ answer: Answer) -> Bool {
    answer.window > 0 || view.rcvEdge - (answer.ack ?? 0) <= 2_920
  }

  /// Of a SYN-ACK: only what the peer's SYN has offered.
  private func hasRightOffer(_ answer: Answer) -> Bool {
    guard answer.flags == [.syn, .ack] else { return true }
    let isFirst = injects(.syn) && lacks(.rst) && at("LISTEN", "SYN-SENT", "TIME-WAIT")
    let first = arrivals.last {
      $0.segment.flags.contains(.syn) && ["LISTEN", "SYN-SENT"].contains($0.state)
    }
    guard let offer = isFirst ? arrival : first else { return false }
    let hasStamps = if case .present = offer.segment.stamps { true } else { false }
    return answer.mss != nil && answer.hasScale == (offer.segment.windowScale != nil)
      && answer.sackPermitted == offer.segment.sackPermitted && answer.echo == (hasStamps ? offer.clock : nil)
      && answer.sack.isEmpty
  }

  /// The same segment twice in a step, and the kernel has not.
  private var saysTwice: Bool {
    let texts = martlet.answers.map(\.text)
    return Set(texts).count < texts.count && !isWait
  }
}

extension ScriptSegment {
  /// Octets, as the stack has it: RFC 7323 §2.2 scales no SYN's.
  func window(scale: Int) -> Int { Int(window) << (flags.contains(.syn) ? 0 : scale) }
}
