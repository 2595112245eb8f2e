// What is sent when: windows, segments' sizes, timers, calls, timestamps.

extension Explanation {
  static let windows: [Explanation] = [
    Explanation(
      "the last piece, by Nagle's rule or Minshall's", "RFC 9293 §3.7.4, SHLD-7",
      why: """
        Nagle: "buffer all user data … until the outstanding data has been acknowledged" or a segment is full.
        The kernel holds a small piece only behind another small one (draft-minshall-nagle).
        """
    ) {
      $0.script.settings.nagle && $0.sameState && $0.sameResult
        && $0.kernel.answers.count == $0.martlet.answers.count + 1
    },
    Explanation(
      "less than is ready into a small window", "RFC 9293 §3.8.6.2.1 (3)",
      why: """
        Half of the largest window ever offered is worth a segment: sent. The kernel cuts a single segment for
        the persist timer only.
        """
    ) { difference in
      difference.kernelIsSilent && !difference.martletIsSilent && difference.sameResult
        && difference.sameState
        && Difference.textRange(difference.martlet) != nil && difference.hasSmallWindow
    },
    Explanation(
      "segments of half the window", "RFC 9293 §3.8.6.2.1", ends: false,
      why: """
        The kernel makes no segment larger than half of the largest window it has seen. We fill the window with
        as few segments as hold the text.
        """
    ) { difference in
      guard let kernel = Difference.textRange(difference.kernel),
        let own = Difference.textRange(difference.martlet)
      else { return false }
      return kernel == own && difference.hasSmallWindow && difference.sameState && difference.sameResult
    },
    Explanation(
      "more segments of half the window", "RFC 9293 §3.8.6.2.1",
      why: "The same where the kernel's pieces are too many for its congestion window."
    ) { difference in
      guard let kernel = Difference.textRange(difference.kernel),
        let own = Difference.textRange(difference.martlet)
      else { return false }
      return kernel.lowerBound == own.lowerBound && difference.hasSmallWindow && difference.sameState
        && difference.sameResult && difference.kernel.answers.count > difference.martlet.answers.count
    },
    Explanation(
      "a window that shrinks below what is in flight", "RFC 9293 §3.10.7.4 fifth",
      why: """
        "If SND.UNA =< SEG.ACK =< SND.NXT, the send window should be updated": also by an acknowledgment that
        acknowledges nothing new, and to less. The kernel believes that only of one that advances.
        """
    ) { difference in
      difference.isSend && difference.sameResult && difference.sameState && difference.martletIsSilent
        && difference.pastSegments.contains { $0.window < 1_000 }
    },
    Explanation(
      "the number of an acknowledgment while the window is shut", "RFC 9293 §3.10.7.4 first", ends: false,
      why: """
        An acknowledgment behind the peer's window would not be acceptable to it, so both take a number in it. The
        kernel's window is another where it has not believed that one shrank, and counts from a SYN in flight.
        """
    ) { difference in
      difference.hasSmallWindow && difference.answers("ACK", "ACK") && difference.sameState
        && difference.kernel.answers[0].ack == difference.martlet.answers[0].ack
    },
    Explanation(
      "what a repeated acknowledgment lets go", "RFC 5681 §3.2; RFC 3042 §2",
      why:
        "\"Transmit one segment of previously unsent data\": the kernel sends two where cwnd has just grown."
    ) {
      guard let kernel = Difference.textRange($0.kernel), let own = Difference.textRange($0.martlet) else {
        return false
      }
      return $0.injects(.ack) && $0.ack == $0.view.sndUna && kernel.lowerBound == own.lowerBound
        && $0.martlet.answers.count == 1 && $0.kernel.answers.count == 2
    },
    Explanation(
      "an acknowledgment opens the window by eight segments at most", "RFC 3465 §2.3; RFC 9406 §4.2",
      why: "A choice of Deviations.md. The kernel has no limit in slow start."
    ) {
      guard let kernel = Difference.textRange($0.kernel), let own = Difference.textRange($0.martlet) else {
        return false
      }
      return $0.injects(.ack) && kernel.lowerBound == own.lowerBound && $0.martlet.answers.count == 18
        && $0.kernel.answers.count > 18
    },
  ]

  static let timers: [Explanation] = [
    Explanation(
      "the user timeout resets", "RFC 9293 §3.10.8",
      why: """
        "Flush all queues, signal the user": the RFC sends nothing. We tell the peer as well, as ABORT does, so
        that it does not keep a dead connection; the kernel is silent.
        """
    ) {
      $0.script.settings.userTimeout > 0 && $0.isWait && $0.sameState
        && $0.martlet.answers.last?.flags == [.rst, .ack]
    },
    Explanation(
      "no round trip is measured in a passive handshake", "RFC 6298 (2.1)",
      why: """
        "Until a round-trip time measurement has been made …, the sender SHOULD set RTO <- 1 second": a half-open
        record keeps no time, so without timestamps the first measurement is of text. The kernel has it from the
        SYN-ACK.
        """
    ) {
      $0.isWait && !$0.isActive && !$0.offersStamps && $0.kernel.answers.count > $0.martlet.answers.count
        && $0.kernel.answers.allSatisfy { $0.length > 0 || $0.flags.contains(.fin) }
    },
    Explanation(
      "a retransmission a few milliseconds earlier or later", "RFC 8985 §7.2; RFC 6298 (2.4)", ends: false,
      why: """
        A tail-loss probe leaves after two round trips, and those of a script last 2 ms; the kernel counts in
        ticks, and its round trips are those of a busy machine. Else the two say the same.
        """
    ) { difference in
      let kernel = difference.newSegments(difference.kernel)
      let own = difference.newSegments(difference.martlet)
      return kernel == own && difference.sameState && difference.sameResult
    },
    Explanation(
      "how much may leave after a time-out", "RFC 5681 §3.1, §4.1",
      why: """
        A time-out that the first acknowledgment does not show to be spurious leaves a window of one segment, which
        each acknowledgment opens by what it acknowledges. The kernel counts segments, however small.
        """
    ) {
      guard let kernel = Difference.textRange($0.kernel), let own = Difference.textRange($0.martlet) else {
        return false
      }
      return $0.injects(.ack) && kernel.lowerBound == own.lowerBound && $0.sameState
        && $0.past.contains { if case .wait(let time) = $0 { time >= 200 } else { false } }
    },
    Explanation(
      "a FIN that waited for the window, and an acknowledgment", "RFC 9293 §3.10.7.4 eighth", ends: false,
      why: "The kernel acknowledges and sends its FIN again; our FIN carries the acknowledgment."
    ) {
      $0.hasSmallWindow && $0.sameState && $0.answers("ACK; FIN+ACK", "FIN+ACK")
    },
    Explanation(
      "what a window probe is", "RFC 9293 §3.8.6.1, MUST-36",
      why: """
        "The sending TCP peer must regularly transmit at least one octet of new data (if available)": so do we.
        The kernel's probe is an old, empty segment, which must be answered too.
        """
    ) { difference in
      difference.isWait && difference.sameState
        && difference.kernel.answers.count == difference.martlet.answers.count
        && !difference.kernelIsSilent
        && difference.kernel.answers.allSatisfy { $0.flags == .ack && $0.length == 0 }
        && difference.martlet.answers.allSatisfy { $0.length == 1 }
    },
  ]

  static let calls: [Explanation] = [
    Explanation(
      "shutdown before the handshake is over", "RFC 9293 §3.10.4",
      why: """
        The RFC's CLOSE deletes the TCB in SYN-SENT, and so does the kernel at any shutdown. Our `shutdown` says
        no more than "I have nothing further to send" and waits for the handshake, as the RFC does in
        SYN-RECEIVED; `close` deletes.
        """
    ) {
      if case .shutdown = $0.step { return $0.at("SYN-SENT") && $0.results(CallResult.done, CallResult.done) }
      return false
    },
    Explanation(
      "text before the handshake is over", "RFC 9293 §3.10.2",
      why:
        "\"Queue the data for transmission after entering ESTABLISHED state.\" A socket that waits refuses."
    ) {
      $0.at("SYN-SENT", "SYN-RECEIVED") && $0.isActive && $0.isSend && $0.kernel.result == CallResult.full
    },
    Explanation(
      "close in SYN-RECEIVED of a simultaneous open", "RFC 9293 §3.10.4",
      why: """
        The RFC sends the FIN beside a SYN that is not acknowledged yet. We "queue for processing after entering
        ESTABLISHED state", as it does with text in the queue: the FIN leaves with the first acknowledgment.
        """
    ) { $0.at("SYN-RECEIVED") && $0.isActive && $0.isCall && $0.answers("FIN+ACK", "") },
    Explanation(
      "close with text out of order", "RFC 9293 §3.6, SHLD-3",
      why: """
        Text that was received and cannot be read any more is lost, also behind a hole: a reset says so. The
        kernel looks at what is in order.
        """
    ) {
      $0.step == .close && ($0.answers("FIN+ACK", "RST+ACK") || $0.answers("", "RST+ACK"))
        && $0.hasTextOutOfOrder
    },
  ]

  static let stamps: [Explanation] = [
    Explanation(
      "a segment without the timestamps that were agreed on", "RFC 7323 §3.2",
      why: """
        "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the segment." The kernel
        takes it.
        """
    ) {
      $0.lacks(.rst) && $0.segment != nil && $0.martletIsSilent && $0.lacksStamps
    },
    Explanation(
      "a timestamp that is one tick old", "RFC 7323 §5.3 R1",
      why: "\"SEG.TSval < TS.Recent\" is old. The kernel lets one tick pass (TCP_PAWS_WINDOW)."
    ) {
      guard let segment = $0.segment, case .present(let stamp) = segment.stamps else { return false }
      return (-31 ... -1).contains(stamp.value) && !segment.flags.contains(.syn)
        && $0.martlet.acknowledgesOnly
        && !$0.martletIsSilent
    },
    Explanation(
      "TS.Recent in TIME-WAIT", "RFC 7323 §4.3; RFC 9293 §3.10.7.4", ends: false,
      why:
        "The kernel's record goes on taking TSval from what arrives; ours keeps that of the connection's end."
    ) {
      $0.at("TIME-WAIT") && $0.offersStamps && $0.sameState
        && ($0.sameAnswers(\.withoutEcho) || $0.answers("ACK", "") || $0.answers("ACK", "SYN+ACK"))
    },
    Explanation(
      "TS.Recent after an acknowledgment that is too old", "RFC 7323 §4.3; RFC 5961 §5.2", ends: false,
      why: "We have gone on with a segment that the kernel challenged (see there), and taken its TSval."
    ) { difference in
      difference.offersStamps && difference.sameAnswers(\.withoutEcho) && difference.sameState
        && difference.sameResult
        && difference.pastSegments.contains {
          $0.ack.base == .initial || $0.ack.base == .sndUna && $0.ack.offset < 0
            || $0.seq != ScriptNumber(.rcvNxt)
        }
    },
    Explanation(
      "a repeated acknowledgment with an old timestamp", "RFC 7323 §5.3 R1", ends: false,
      why: "\"Send an acknowledgment in reply\": the kernel is silent where the segment looks reordered."
    ) {
      $0.offersStamps && $0.isSynchronized && $0.injects(.ack) && $0.lacks([.syn, .rst]) && !$0.occupies
        && $0.answers("", "ACK") && $0.sameState
    },
    Explanation(
      "a SYN for TIME-WAIT where nobody listens", "RFC 9293 §3.10.7.4 fourth",
      why: """
        A SYN that may open a new connection is the listener's; without one it is answered like any for a closed
        port, and TIME-WAIT goes on. The kernel acknowledges.
        """
    ) { $0.at("TIME-WAIT") && $0.injects(.syn) && $0.lacks([.ack, .rst]) && $0.answers("ACK", "RST+ACK") },
    Explanation(
      "shutting the receiving half of what is over", "RFC 9293 §3.10.4", ends: false,
      why:
        "There is nothing to tell the peer, so ours succeeds; the kernel's socket is not connected any more."
    ) { $0.results(CallResult.notConnected, CallResult.done) && $0.sameState && $0.kernel.state == "over" },
  ]
}

extension Difference {
  /// The peer's window has been less than two segments.
  var hasSmallWindow: Bool {
    pastSegments.contains { $0.window < 2_920 } || (segment?.window ?? 65_535) < 2_920
  }

  /// An outcome without what timers have sent again.
  func newSegments(_ outcome: Outcome) -> [String] {
    var highest = view.sndNxt
    var new: [String] = []
    for answer in outcome.answers {
      let end = answer.seq + answer.length + (answer.flags.contains(.fin) ? 1 : 0)
      let isAgain = end > answer.seq && answer.seq < highest && answer.time > 0
      highest = max(highest, end)
      if !isAgain { new.append(answer.text) }
    }
    return new
  }

  var hasTextOutOfOrder: Bool {
    pastSegments.contains { $0.length > 0 && ($0.seq.base != .rcvNxt || $0.seq.offset > 0) }
  }

  /// Timestamps were agreed on, and it has none.
  var lacksStamps: Bool {
    guard let segment else { return false }
    if segment.flags.contains(.syn) { return false }
    if case .absent = segment.stamps { return true }
    // Raw options of the SYN, which the scripted peer does not know the meaning of.
    return pastSegments.contains { $0.raw.starts(with: [8, 10]) }
  }
}
