// What is sent when: windows, segments' sizes, bursts.

extension Explanation {
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
        && ($0.kernel.answers.last?.length ?? 0) > 0 && $0.view.sndNxt + $0.sentOctets > $0.view.sndUna
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
      $0.texts.map { $0.kernel == $0.own } ?? false && $0.largestWindow < 2_920 && $0.hasOnlyText
        && $0.kernel.answers.count >= $0.martlet.answers.count
        && $0.kernel.answers[0].length < $0.martlet.answers[0].length
    },
    Explanation(
      "more segments of half the window", "RFC 9293 §3.8.6.2.1",
      why: """
        The same where the kernel's pieces are too many for its congestion window, or the last for our rule (3), or
        for Nagle's.
        """
    ) {
      $0.texts != nil && $0.largestWindow < 2_920 && $0.fillsWindow && $0.hasOnlyText
        && $0.kernel.answers[0].length < $0.martlet.answers[0].length
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
            && difference.kernel.answers.allSatisfy { $0.length == 0 })
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
      "text in tiny pieces", "RFC 9293 §3.8.6.2.1", in: [.segments, .result],
      why:
        "For a tiny window the kernel cuts text into pieces when it is sent, of which its buffer takes less."
    ) {
      guard case .send(let count) = $0.step else { return false }
      return $0.largestWindow < 100 && $0.kernelIsSilent && $0.octets($0.kernel, behind: "sent") < count
        && $0.octets($0.martlet, behind: "sent") == count && $0.fillsWindow
    },
    Explanation(
      "the number of an acknowledgment while the window is shut", "RFC 9293 §3.10.7.4 first", in: .number,
      ends: false,
      why: """
        An acknowledgment behind the peer's window would not be acceptable to it, so both take a number in it. The
        kernel's window is another where it has not believed that one shrank, and counts from a SYN in flight.
        """
    ) { difference in
      difference.answers("ACK", "ACK")
        && min(difference.lastEdge, difference.kernelEdge) <= difference.view.sndNxt
        && [difference.windowsNumber, difference.lastEdge].contains(difference.martlet.answers[0].seq)
    },
    Explanation(
      "what a repeated acknowledgment lets go", "RFC 5681 §3.2; RFC 3042 §2",
      why:
        "\"Transmit one segment of previously unsent data\": the kernel sends two where cwnd has just grown."
    ) {
      $0.texts != nil && $0.injects(.ack) && $0.ack == $0.view.sndUna && $0.martletSaysTheFirst
        && $0.martlet.answers.count == 1 && $0.kernel.answers.count == 2
    },
    Explanation(
      "an acknowledgment opens the window by eight segments at most", "RFC 3465 §2.3; RFC 9406 §4.2",
      why: "A choice of Deviations.md. The kernel has no limit in slow start."
    ) {
      $0.texts != nil && $0.injects(.ack) && $0.martletSaysTheFirst && $0.martlet.answers.count == 18
    },
    Explanation(
      "a window that was not used does not grow", "RFC 7661 §4.1; RFC 5681 §3.1", isTimed: true,
      why: """
        What the peer's window held back says nothing of the path: the congestion window is still the initial one, of
        ten segments. The kernel has opened it by what was acknowledged.
        """
    ) {
      $0.texts != nil && $0.injects(.ack) && $0.martletSaysTheFirst
        && (9...10).contains($0.martlet.answers.count)
    },
    Explanation(
      "more than an initial window leaves over a round trip", "RFC 6928 §2",
      why: """
        Ten segments at once are what any queue is trusted with: where more may leave, it is spread. The kernel sends
        all of it at once.
        """
    ) {
      $0.injects(.ack) && $0.texts != nil && ($0.martlet.answers.last.map { $0.time >= 1 } ?? false)
        && zip($0.kernel.answers, $0.martlet.answers).allSatisfy { $0.text == $1.text }
        && max($0.kernel.answers.count, $0.martlet.answers.count) >= 3
    },
  ]
}

extension Difference {
  /// Octets: the peer's largest window before this step.
  var largestWindow: Int {
    let known = arrivals.filter { $0.isAccepted && !$0.acknowledgesOld }
    // That of a SYN does not count once there is another.
    let later = known.filter { $0.segment.flags.contains(.ack) }
    return (later.isEmpty ? known : later).map { $0.segment.window(scale: peerScale) }.max() ?? 65_535
  }

  /// Behind the last octet that the peer allows: RFC 9293 §3.10.7.4 fifth, with SND.WL1 and SND.WL2.
  var lastEdge: Int {
    var last: Arrival?
    var una = 0
    for next in (arrivals + [arrival].compactMap { $0 }).filter(\.isAccepted) {
      if next.segment.flags.contains(.ack) { una = max(una, next.ack) }
      if next.state != "SYN-RECEIVED", let wl = last,
        wl.seq > next.seq || wl.seq == next.seq && wl.ack > next.ack
      {
        continue
      }
      last = next
    }
    return last.map { una + $0.segment.window(scale: peerScale) } ?? 65_535
  }

  /// The same as the kernel has it.
  var kernelEdge: Int {
    var wl = Int.min
    var una = 0
    var window = 0
    for next in (arrivals + [arrival].compactMap { $0 })
    where next.isAccepted || next.endsAtNext || next.beginsAtEdge {
      let offered = next.segment.window(scale: peerScale)
      let advances = next.segment.flags.contains(.ack) && next.ack > una
      if advances || next.seq > wl || next.seq == wl && (offered > window || offered == 0) {
        wl = next.seq
        window = offered
      }
      if advances { una = next.ack }
    }
    return una + window
  }

  /// Martlet sends text that fits the window and reaches its edge, or at least half of the largest one.
  var fillsWindow: Bool {
    guard let own = Self.textRange(martlet), own.upperBound <= peerEdge else { return false }
    let isFull = own.upperBound == peerEdge || own.upperBound == lastEdge
    return own.lowerBound >= view.sndUna && (isFull || 2 * own.count >= largestWindow || sendsAll(own))
  }

  /// Octets of text in Martlet's answer.
  var sentOctets: Int { martlet.answers.reduce(0) { $0 + $1.length } }

  /// All that the application has given so far.
  private func sendsAll(_ range: Range<Int>) -> Bool {
    let given = (history.map(\.outcome) + [martlet]).reduce(1) { sum, outcome in
      let words = outcome.result?.split(separator: " ") ?? []
      return sum + (words.first == "sent" ? Int(words.last ?? "") ?? 0 : 0)
    }
    return range.upperBound == given
  }

  /// It has sent something that the peer's last window does not allow.
  func isBeyondWindow(_ outcome: Outcome) -> Bool {
    guard let last = outcome.answers.last else { return false }
    return last.seq + last.length + (last.flags.contains(.fin) ? 1 : 0) > lastEdge
  }

  /// No FIN that only one of them sends, and nothing but text.
  var hasOnlyText: Bool {
    (kernel.answers + martlet.answers).allSatisfy { $0.length > 0 }
      && kernel.answers.last?.flags.contains(.fin) == martlet.answers.last?.flags.contains(.fin)
  }
}
