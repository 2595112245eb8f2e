// What is sent when: windows, segments' sizes, bursts.

extension Explanation {
  static let repetitions: [Explanation] = [
    Explanation(
      "repeated acknowledgments whose numbers differ", "RFC 5681 §2; RFC 3042 §2",
      why: """
        Whose sequence number is no matter of what a duplicate is. The kernel takes a later one for news of the window,
        and does not count it.
        """
    ) {
      $0.injects(.ack) && !$0.occupies && $0.ack == $0.una && $0.isLaterThanOthers
        && $0.kernelIsSilent && $0.martletSendsOne
        && [$0.view.sndNxt, $0.una].contains($0.martlet.answers[0].seq)
        && $0.martletStays
    },
    Explanation(
      "three repeated acknowledgments of two segments", "RFC 5681 §3.2",
      why: """
        "Upon the arrival of three duplicate ACKs … perform a retransmission": so do we. The kernel counts no more of
        them than there are segments that can have caused them.
        """
    ) { difference in
      difference.injects(.ack) && !difference.occupies && difference.ack == difference.una
        && difference.kernelIsSilent && difference.martletSendsOne
        && difference.martlet.answers[0].seq == difference.una
        && difference.view.sndNxt - difference.una <= 2 * difference.martlet.answers[0].length
        && difference.arrivals.filter { $0.end == $0.seq && $0.ack == difference.una }.count >= 2
    },
  ]

  static let windows: [Explanation] = [
    Explanation(
      "the last piece, by Nagle's rule or Minshall's", "RFC 9293 §3.7.4, SHLD-7",
      why: """
        Nagle: "buffer all user data … until the outstanding data has been acknowledged" or a segment is full.
        The kernel holds a small piece only behind another small one (draft-minshall-nagle).
        """
    ) {
      $0.script.settings.nagle && $0.martletSaysTheFirst
        && $0.kernel.answers.count == $0.martlet.answers.count + 1
        && ($0.kernel.answers.last?.length ?? 0) > 0 && $0.view.sndNxt + $0.sentOctets > $0.una
        // Or the piece would carry the acknowledgment.
        || $0.script.settings.nagle && $0.injects(.ack) && $0.answers("ACK+text", "ACK") && $0.martletTakes
          && $0.kernel.answers[0].ack == $0.martlet.answers[0].ack
          && $0.kernel.answers[0].length < $0.fullSegment
          && $0.kernel.answers[0].seq == $0.view.sndNxt && $0.view.sndNxt > $0.ack
    },
    Explanation(
      "less than is ready into a small window", "RFC 9293 §3.8.6.2.1 (2), (3)",
      why: """
        Half of the largest window ever offered is worth a segment, and so is all that is ready: sent. The kernel
        cuts a single segment for the persist timer only.
        """
    ) {
      ($0.kernelIsSilent
        || $0.answers("ACK", "ACK+text") && $0.kernel.answers[0].ack == $0.martlet.answers[0].ack)
        && $0.fillsWindow && $0.lastEdge - $0.view.sndNxt < 2_920
    },
    Explanation(
      "segments of half the window", "RFC 9293 §3.8.6.2.1", ends: false,
      why: """
        The kernel makes no segment larger than half of the largest window it has seen. We fill the window with
        as few segments as hold the text.
        """
    ) {
      // Or what was cut so before the window grew leaves behind a full one.
      $0.texts.map { $0.kernel == $0.own } ?? false && $0.largestWindow < 2_920 && $0.hasOnlyText
        // More fill its congestion window, see below.
        && $0.kernelPieces.count >= $0.martlet.answers.count && $0.kernelPieces.count < 9
        && ($0.kernelPieces.first?.length ?? 0 < $0.martlet.answers[0].length
          || $0.kernelPieces.count > $0.martlet.answers.count
            && Set($0.martlet.answers.dropLast().map(\.length)).count == 1)
    },
    Explanation(
      "more segments of half the window", "RFC 9293 §3.8.6.2.1",
      why: """
        The same where the kernel's pieces are too many for its congestion window, or the last for our rule (3), or
        for Nagle's.
        """
    ) {
      $0.texts != nil && $0.largestWindow < 2_920 && $0.fillsWindow && $0.hasTextAndTheLastFinish
        && $0.kernelPieces.first?.length ?? 0 < $0.martlet.answers[0].length
        || $0.script.settings.nagle && $0.largestWindow < 2_920 && ($0.martletIsSilent || $0.martletTakes)
          && Difference.textRange($0.kernel)?.lowerBound == $0.view.sndNxt
          && $0.kernel.answers.allSatisfy { $0.length < 1_000 }
    },
    Explanation(
      "which acknowledgment moves the window", "RFC 9293 §3.10.7.4 fifth",
      why: """
        "If SND.UNA =< SEG.ACK =< SND.NXT, the send window should be updated", by SND.WL1 and SND.WL2: also by an
        acknowledgment that acknowledges nothing new, and to less, and not by an older segment. The kernel believes one
        that advances, a later one, or else only what opens or shuts the window.
        """
    ) { difference in
      let own = Difference.textRange(difference.martlet)
      return difference.kernelEdge != difference.lastEdge
        && (own.map { $0.upperBound <= difference.lastEdge } ?? true)
        && (difference.martletSaysTheFirst && difference.isBeyondWindow(difference.kernel)
          || (difference.fillsWindow || (difference.martlet.answers.last?.time ?? 0) >= 1)
            && difference.kernel.answers.allSatisfy { $0.length == 0 }
          || difference.eachFillsItsWindow
          || difference.martlet.kinds == "ACK" && difference.martletTakes
            && difference.isBeyondWindow(difference.kernel)
            && difference.kernel.answers.allSatisfy { $0.length > 0 }
          || difference.isEnd && difference.answers("", "FIN+ACK")
            && difference.kernelEdge <= difference.view.sndNxt
            && difference.lastEdge > difference.view.sndNxt)
    },
    Explanation(
      "a small piece at the window's edge", "RFC 9293 §3.8.6.2.1",
      why: """
        Neither a full segment, nor all that is ready, nor half the largest window: it waits for the override timer.
        The kernel fills the window to its edge.
        """
    ) { difference in
      difference.martletSaysTheFirst && !difference.martletIsSilent
        && difference.kernel.answers.count == difference.martlet.answers.count + 1
        && (difference.kernel.answers.last.map {
          $0.length < difference.kernel.answers[0].length && $0.seq + $0.length == difference.lastEdge
        } ?? false)
    },
    Explanation(
      "the number of an acknowledgment while the window is shut", "RFC 9293 §3.10.7.4 first", in: .number,
      ends: false,
      why: """
        An acknowledgment behind the peer's window would not be acceptable to it, so both take a number in it. The
        kernel's window is another where it has not believed that one shrank, and counts from a SYN in flight.
        """
    ) { difference in
      (difference.answers("ACK", "ACK") || difference.isCall && difference.answers("RST+ACK", "RST+ACK"))
        && difference.hasNumberInWindow
    },
    Explanation(
      "an acknowledgment opens the window by eight segments at most", "RFC 3465 §2.3; RFC 9406 §4.2",
      why: "A choice of Deviations.md. The kernel has no limit in slow start."
    ) {
      $0.texts != nil && $0.martletSaysTheFirst
        && ($0.injects(.ack) && $0.martlet.answers.count == 18
          // Or what it lets go came later.
          || $0.isSend
            && $0.isJustWithin(18 * ($0.martlet.answers.first?.length ?? 0)))
    },
    Explanation(
      "how many small segments the window holds", "RFC 6928 §2; RFC 5681 §3.1",
      why: """
        The initial window is of octets, ten times SMSS, and so is what has left of it. The kernel counts segments,
        however small, and stops at ten.
        """
    ) {
      $0.isSend && $0.texts != nil && $0.kernelSaysTheFirst && $0.kernelFlight == 10
        && $0.view.sndNxt + $0.sentOctets - $0.una <= 10 * $0.fullSegment && $0.lastEdge >= $0.view.sndNxt
        // And what an acknowledgment opens is as much as it acknowledges.
        || $0.injects(.ack) && $0.texts != nil && $0.martletSaysTheFirst && $0.ack > $0.una
          && ($0.ack - $0.una) % $0.fullSegment != 0
          && $0.kernel.answers.count == $0.martlet.answers.count + 1
    },
    Explanation(
      "more than an initial window leaves over a round trip", "RFC 6928 §2",
      why: """
        Ten segments at once are what any queue is trusted with: where more may leave, it is spread. The kernel sends
        all of it at once, or spreads it otherwise.
        """
    ) {
      $0.injects(.ack) && $0.texts != nil
        && (($0.martlet.answers.last?.time ?? 0) >= 1 || ($0.kernel.answers.last?.time ?? 0) >= 1)
        && zip($0.kernelPieces, $0.martlet.answers).allSatisfy { $0.text == $1.text }
        && max($0.kernel.answers.count, $0.martlet.answers.count) >= 3
    },
  ]
}

extension Difference {
  /// Martlet sends text that fits the window and reaches its edge, or at least half of the largest one.
  var fillsWindow: Bool {
    guard let own = Self.textRange(martlet), own.upperBound <= max(peerEdge, lastEdge) else { return false }
    let isFull = own.upperBound == peerEdge || own.upperBound == lastEdge
    return own.lowerBound >= una
      && (isFull || 2 * own.count >= largestWindow || sendsAll(own) || leavesLessThanSegment(own))
  }

  /// Full segments have left, and for what follows the window has less room than one, or Nagle's rule holds it back.
  private func leavesLessThanSegment(_ own: Range<Int>) -> Bool {
    let lengths = Set(martlet.answers.map(\.length))
    guard lengths == [fullSegment] else { return false }
    return lastEdge - own.upperBound < fullSegment
      || script.settings.nagle && given - own.upperBound < fullSegment
  }

  /// What the kernel sent is how Martlet began.
  fileprivate var kernelSaysTheFirst: Bool {
    kernel.answers.count < martlet.answers.count
      && zip(kernel.answers, martlet.answers).allSatisfy { $0.text == $1.text }
  }

  /// What is in flight now is so much, or less by what is no full segment.
  fileprivate func isJustWithin(_ octets: Int) -> Bool {
    let flight = view.sndNxt + sentOctets - una
    return flight <= octets && flight + (martlet.answers.first?.length ?? 0) > octets
  }

  /// Segments that the kernel has sent and nobody has acknowledged.
  fileprivate var kernelFlight: Int {
    (kernelHistory + [kernel]).flatMap(\.answers).filter { $0.length > 0 && $0.seq >= una }.count
  }

  /// Octets, by the peer's MSS and ours.
  fileprivate var fullSegment: Int {
    let most = script.settings.isIPv6 ? 1_440 : 1_460
    return min(syn?.mss.map { Int($0) } ?? 536, most) - (view.usesStamps ? 12 : 0)
  }

  /// Each sends as far as the window that it believes in lets it, and these are two.
  var eachFillsItsWindow: Bool {
    guard let texts, texts.kernel.upperBound <= kernelEdge, texts.own.upperBound <= lastEdge else {
      return false
    }
    return (fillsWindow || martlet.answers.count == 10 && texts.kernel.upperBound == kernelEdge)
      && max(texts.kernel.upperBound, texts.own.upperBound) > min(kernelEdge, lastEdge)
  }

  /// The kernel fills the window to its edge; what Martlet's full segments leave of it is less than one of them, and
  /// than half of the largest window.
  func leavesSmallPiece(_ lengths: [Int]) -> Bool {
    guard let texts, texts.kernel.upperBound == lastEdge, let length = lengths.last else { return false }
    let rest = lastEdge - texts.own.upperBound
    return Set(lengths).count == 1 && rest > 0 && rest < length && 2 * rest < largestWindow
  }

  /// Octets of text in Martlet's answer.
  var sentOctets: Int { martlet.answers.reduce(0) { $0 + $1.length } }

  /// All that the application has given so far.
  private func sendsAll(_ range: Range<Int>) -> Bool { range.upperBound == given }

  /// Behind the last octet that the application has given.
  var given: Int {
    (history.map(\.outcome) + [martlet]).reduce(1) { $0 + octets($1, behind: "sent") }
  }

  /// One of the two believes the window to be shut, and Martlet's number is in it.
  var hasNumberInWindow: Bool {
    min(lastEdge, kernelEdge) <= view.sndNxt
      && martlet.answers.first.map { [windowsNumber, lastEdge].contains($0.seq) } ?? false
  }

  /// A segment with text, perhaps with the FIN behind it, which has left before.
  var martletSendsOne: Bool {
    martlet.kinds == "ACK+text" || martlet.kinds == "FIN+ACK+text" && past.contains { $0.endsSending }
  }

  /// Its sequence number follows those of all acknowledgments before.
  var isLaterThanOthers: Bool {
    arrivals.filter { $0.isAccepted && !$0.acknowledgesOld }.allSatisfy {
      $0.seq < seq || $0.segment.flags.contains(.syn)
    }
  }

  /// It has sent something that the peer's last window does not allow.
  func isBeyondWindow(_ outcome: Outcome) -> Bool {
    guard let last = outcome.answers.last else { return false }
    return last.seq + last.length + (last.flags.contains(.fin) ? 1 : 0) > lastEdge
  }

  /// The kernel's segments without an acknowledgment in front of its text, which ours brings along.
  var kernelPieces: ArraySlice<Answer> {
    guard let first = kernel.answers.first, first.length == 0, first.flags == .ack, first.sack.isEmpty,
      first.ack == martlet.answers.first?.ack, segment != nil
    else { return kernel.answers[...] }
    return kernel.answers.dropFirst()
  }

  /// Nothing but text, and the FIN behind the last of it, which one of them may not have reached.
  var hasTextAndTheLastFinish: Bool {
    (kernelPieces + martlet.answers).allSatisfy {
      $0.length > 0
        && (!$0.flags.contains(.fin) || $0.seq + $0.length == given && past.contains { $0.endsSending })
    }
  }

  /// No FIN that only one of them sends, and nothing but text.
  var hasOnlyText: Bool {
    (kernelPieces + martlet.answers).allSatisfy { $0.length > 0 }
      && kernel.answers.last?.flags.contains(.fin) == martlet.answers.last?.flags.contains(.fin)
  }
}
