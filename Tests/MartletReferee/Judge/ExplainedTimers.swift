// What timers do, and calls.

extension Explanation {
  static let timers: [Explanation] = [
    Explanation(
      "the user timeout resets", "RFC 9293 §3.10.8",
      why: """
        "Flush all queues, signal the user": the RFC sends nothing. We tell the peer as well, as ABORT does, so
        that it does not keep a dead connection; the kernel is silent.
        """
    ) { difference in
      difference.script.settings.userTimeout > 0 && difference.isWait
        && difference.martlet.answers.last?.flags == [.rst, .ack]
        && difference.kernelGoesOn && difference.martlet.state == "over"
        && difference.martlet.answers.dropLast().allSatisfy { difference.isAgain($0) }
    },
    Explanation(
      "no round trip is measured in a passive handshake", "RFC 6298 (2.1)",
      why: """
        "Until a round-trip time measurement has been made …, the sender SHOULD set RTO <- 1 second": a half-open
        record keeps no time, so without timestamps the first measurement is of text. The kernel has it from the
        SYN-ACK.
        """
    ) { difference in
      difference.isWait && difference.waited < 1_000 && !difference.isActive && difference.hasMeasuredNothing
        && difference.martletIsSilent
        && (difference.kernel.answers.allSatisfy { difference.isAgain($0) }
          // Or new text, of which a probe is (RFC 8985 §7.3).
          || difference.kernel.kinds == "ACK+text"
            && difference.kernel.answers[0].seq == difference.view.sndNxt
            && (difference.syn?.sackPermitted ?? false) && difference.given > difference.view.sndNxt)
    },
    Explanation(
      "a timer at the end of a wait", "RFC 6298 §2, §5", isTimed: true,
      why: """
        The two count time in other ticks, and from other measurements: what one does in the last tenth of a wait the other
        may do after it.
        """
    ) { difference in
      difference.withoutTimerAtTheEnd.map { Comparison.agree($0.kernel, $0.martlet, $0.step) } ?? false
    },
    Explanation(
      "a tail-loss probe after the first round trip", "RFC 6298 (2.1); RFC 8985 §7.2", isTimed: true,
      why: """
        The same where text has been acknowledged since, in 2 ms: two of these, and the probe leaves. The kernel's
        average still has the handshake's 40 ms.
        """
    ) { difference in
      difference.endsInEarlyProbe
    },
    Explanation(
      "a tail-loss probe after the first round trip, in a wait", "RFC 6298 (2.1); RFC 8985 §7.2",
      isTimed: true,
      why: "The same at the beginning of a wait, and the time-out that follows it."
    ) { difference in
      difference.isWait && difference.beginsWithEarlyProbe
        && (difference.kernel.answers + difference.martlet.answers).allSatisfy { difference.isAgain($0) }
    },
    Explanation(
      "when RACK's clock finds a loss", "RFC 8985 §6.2", isTimed: true,
      why: """
        What a SACK block jumps over is lost when it is a quarter of the least round trip late: that is 10 ms where the
        handshake was measured (see above), and less than a step where it was not.
        """
    ) { difference in
      let isLost = { (answer: Answer) in answer.length > 0 && difference.isAgain(answer) }
      let kernel = difference.kernel.answers.filter { !isLost($0) }
      let own = difference.martlet.answers.filter { !isLost($0) }
      // Or a little later, while nothing else happens.
      if difference.isWait {
        return difference.kernelIsSilent && !difference.martletIsSilent
          && difference.martlet.answers.allSatisfy {
            isLost($0) && $0.seq == difference.una && $0.time < 50
          }
          && difference.arrivals.last.map { !$0.segment.sack.isEmpty && $0.index == difference.index - 1 }
            ?? false
      }
      return (difference.segment.map { !$0.sack.isEmpty } ?? false) && difference.injects(.ack)
        && difference.kernel.answers.contains(where: isLost)
          != difference.martlet.answers.contains(where: isLost)
        && (kernel.map(\.text) == own.map(\.text)
          // Or what is sent again carries the acknowledgment.
          || own.isEmpty && kernel.allSatisfy { $0.flags == .ack && $0.length == 0 }
            && Set(kernel.map(\.ack)) == Set(difference.martlet.answers.map(\.ack))
          || kernel.reduce(0) { $0 + $1.length } == own.reduce(0) { $0 + $1.length }
            && kernel.first?.seq == own.first?.seq)
    },
    Explanation(
      "a FIN after a time-out", "RFC 5681 §3.1",
      why: """
        What is in flight is less than the one segment that the window holds, so our FIN leaves, or a small piece. The
        kernel counts segments, and has one in flight.
        """
    ) {
      ($0.isEnd && $0.answers("", "FIN+ACK") || $0.isSend && $0.answers("", "ACK+text"))
        && $0.view.sndNxt + $0.sentOctets - $0.una <= 1_460
        && $0.view.sndNxt > $0.una && $0.hasTimedOut
        // Or another small piece is sent again, beside the one that is not acknowledged yet.
        || $0.injects(.ack) && $0.ack > $0.una && ["", "ACK"].contains($0.kernel.kinds)
          && $0.martlet.kinds == "ACK+text" && $0.isAgain($0.martlet.answers[0])
          && $0.martlet.answers[0].seq > $0.ack && $0.view.sndNxt - $0.ack <= 1_460 && $0.hasTimedOut
    },
    Explanation(
      "a repeated acknowledgment after a time-out", "RFC 5682 §2.1 (2a); RFC 5681 §3.2",
      why: """
        It says that something has left the network, so the next piece that is lost leaves, if there is room for it. The
        kernel waits for an acknowledgment that advances.
        """
    ) {
      $0.injects(.ack) && !$0.occupies && $0.ack == $0.una && $0.hasTimedOut && $0.kernelIsSilent
        && $0.martletSendsOne && $0.isAgain($0.martlet.answers[0]) && $0.martlet.answers[0].seq > $0.una
    },
    Explanation(
      "a FIN alone after a time-out", "RFC 6298 (5.3), (5.4)",
      why: """
        Once all text has arrived a FIN has the timer, and nothing else that would send it again. The kernel takes it for
        lost with the text, and sends it as soon as that has arrived.
        """
    ) {
      $0.at("FIN-WAIT-1", "CLOSING", "LAST-ACK") && $0.injects(.ack) && $0.hasTimedOut
        && $0.ack == $0.view.sndNxt - 1 && $0.ack > $0.una && $0.kernel.kinds == "FIN+ACK"
        && $0.kernel.answers[0].seq == $0.ack && $0.martletTakes
    },
    Explanation(
      "what only one of the two takes for acknowledged", "RFC 9293 §3.10.7.4 first, fifth",
      why: """
        One has gone on with the acknowledgment of a segment that the other has refused (see each), and each sends again
        what is the first without one for itself.
        """
    ) { difference in
      let kernelUna = difference.kernelBelief.una
      return difference.isWait && kernelUna != difference.una
        && difference.kernel.answers.allSatisfy {
          difference.isAgain($0) && ($0.seq == kernelUna || difference.reachesEnd($0))
        }
        && difference.martlet.answers.allSatisfy {
          difference.isAgain($0) && ($0.seq == difference.una || difference.reachesEnd($0))
        }
        && (difference.martletIsSilent == (difference.una == difference.view.sndNxt)
          || difference.waited < 1_000)
    },
    Explanation(
      "what is in flight when the window shuts", "RFC 9293 §3.8.6, SHLD-16, MAY-7, MUST-35",
      why: """
        "If the window shrinks to zero, the TCP implementation MUST probe it in the standard way", with an octet: so do
        we. The kernel goes on sending the whole segment again.
        """
    ) { difference in
      difference.isWait && difference.lastEdge == difference.una && difference.view.sndNxt > difference.una
        && !difference.martletIsSilent
        && difference.martlet.answers.count == difference.kernel.answers.count
        && zip(difference.kernel.answers, difference.martlet.answers).allSatisfy { kernel, own in
          kernel.seq == difference.una && own.seq == difference.una && own.length == 1
            && kernel.length > own.length && Comparison.isAboutTheSame(kernel.time, own.time)
        }
    },
    Explanation(
      "what probed a shut window when that opens", "RFC 9293 §3.8.6.1, MUST-35",
      why: """
        What was sent again while the window was shut was a probe, which the peer may have dropped for want of room: it
        leaves again as soon as there is some. The kernel waits for the timer.
        """
    ) {
      $0.injects(.ack) && $0.ack == $0.una && $0.wasShut && $0.lastEdge > $0.una && $0.hasTimedOut
        && $0.kernelIsSilent && $0.martlet.answers.count == 1 && $0.martlet.answers[0].seq == $0.una
        && $0.isAgain($0.martlet.answers[0])
    },
    Explanation(
      "a tail-loss probe while the window is shut", "RFC 8985 §7.3; RFC 9293 §3.8.6",
      why: """
        What would be sent again is beyond the window, so no probe leaves, and "regardless of whether a loss probe was
        sent, the sender MUST re-arm the RTO timer". The kernel sends it all the same.
        """
    ) { difference in
      difference.isWait && difference.waited < 500 && difference.martletIsSilent
        && difference.syn?.sackPermitted ?? false && difference.lastEdge == difference.una
        && difference.view.sndNxt > difference.una && !difference.kernelIsSilent
        && difference.kernel.answers.allSatisfy { $0.seq == difference.una && difference.isAgain($0) }
    },
    Explanation(
      "what is sent again, and an acknowledgment", "RFC 9293 §3.10.7.4 fifth, seventh", ends: false,
      why: """
        The kernel sends again what the acknowledgment asks for before it looks at the text beside it, which it
        acknowledges behind that; ours carries it.
        """
    ) { difference in
      guard difference.injects(.ack), difference.occupies, let last = difference.kernel.answers.last,
        last.flags == .ack, last.length == 0, !difference.martletIsSilent
      else { return false }
      return difference.kernel.answers.dropLast().map { $0.acknowledging(last.ack) }
        == difference.martlet.answers.map { $0.acknowledging(last.ack) }
        && difference.martlet.answers.allSatisfy { $0.ack == last.ack && difference.isAgain($0) }
    },
    Explanation(
      "whether two small segments are one", "RFC 8985 §7.2",
      why: """
        "If FlightSize is one segment", the probe waits for a delayed acknowledgment as well. We count octets, as
        everywhere, and the kernel segments.
        """
    ) { difference in
      guard difference.isWait, let kernel = difference.kernel.answers.first else { return false }
      let ends = { (answer: Answer) in
        answer.seq + answer.length + (answer.flags.contains(.fin) ? 1 : 0) == difference.view.sndNxt
      }
      let isSmall = difference.view.sndNxt - difference.una <= 1_460
      return isSmall && ends(kernel) && kernel.time < 200 && kernel.seq > difference.una
        && difference.martlet.answers.count <= 1
        && difference.martlet.answers.allSatisfy {
          $0.seq == difference.una && ends($0) && $0.time >= 200
        }
    },
    Explanation(
      "what a tail-loss probe holds", "RFC 8985 §7.3",
      why: """
        "Retransmit the highest-sequence segment sent so far": the kernel sends the last one as it was; ours ends where
        it did, and is as large as one may be.
        """
    ) { difference in
      guard difference.isWait, let own = difference.martlet.answers.first,
        let kernel = difference.kernel.answers.first
      else { return false }
      return own.length > kernel.length && own.flags.contains(.fin) == kernel.flags.contains(.fin)
        && own.seq + own.length == kernel.seq + kernel.length
        && own.seq + own.length + (own.flags.contains(.fin) ? 1 : 0) == difference.view.sndNxt
        && Comparison.isAboutTheSame(kernel.time, own.time)
        && difference.kernel.answers.count == difference.martlet.answers.count
    },
    Explanation(
      "what a retransmission holds", "RFC 9293 §3.8.1; RFC 1122 §4.2.2.15",
      why: "Ours is as large as a segment may be; the kernel's is the segment that was sent."
    ) { difference in
      guard difference.isWait, let own = difference.martlet.answers.first,
        let kernel = difference.kernel.answers.first
      else { return false }
      return own.length > kernel.length && own.seq == kernel.seq && own.seq == difference.una
        && own.seq + own.length <= difference.view.sndNxt && Comparison.isAboutTheSame(kernel.time, own.time)
        && difference.kernel.answers.count == difference.martlet.answers.count
    },
    Explanation(
      "what waited for the window, and an acknowledgment", "RFC 9293 §3.10.7.4 eighth", ends: false,
      why: "The kernel acknowledges and then sends its text and FIN; ours carry the acknowledgment."
    ) {
      $0.injects(.ack) && $0.kernel.kinds.hasPrefix("ACK; ") && !$0.martletIsSilent
        && $0.kernel.answers.dropFirst().map(\.text) == $0.martlet.answers.map(\.text)
        && $0.kernel.answers[0].ack == $0.martlet.answers[0].ack
    },
    Explanation(
      "SACK blocks, and a FIN that waited for the window", "RFC 2018 §4", ends: false,
      why: "Our blocks travel on an empty acknowledgment, which goes first; the kernel's on its FIN."
    ) { difference in
      difference.answers("FIN+ACK", "ACK; FIN+ACK") && !difference.martlet.answers[0].sack.isEmpty
        && difference.martlet.answers[1].sack.isEmpty
        && difference.kernel.answers[0].withoutSACK.text == difference.martlet.answers[1].text
    },
    Explanation(
      "what a window probe is", "RFC 9293 §3.8.6.1, MUST-36",
      why: """
        "The sending TCP peer must regularly transmit at least one octet of new data (if available)": so do we.
        The kernel's probe is an old, empty segment, which must be answered too.
        """
    ) { difference in
      difference.isWait && difference.lastEdge <= difference.view.sndNxt
        && difference.kernel.answers.count == difference.martlet.answers.count && !difference.kernelIsSilent
        && zip(difference.kernel.answers, difference.martlet.answers).allSatisfy { kernel, own in
          kernel.flags == .ack && kernel.length == 0 && kernel.ack == own.ack && kernel.echo == own.echo
            && (own.length == 1 || own.flags.contains(.fin))
            && Comparison.isAboutTheSame(kernel.time, own.time)
        }
    },
  ]

  static let calls: [Explanation] = [
    Explanation(
      "shutdown before the handshake is over", "RFC 9293 §3.10.4", in: .state,
      why: """
        The RFC's CLOSE deletes the TCB in SYN-SENT, and so does the kernel at any shutdown. Our `shutdown` says
        no more than "I have nothing further to send" and waits for the handshake, as the RFC does in
        SYN-RECEIVED; `close` deletes.
        """
    ) {
      if case .shutdown = $0.step {
        return $0.at("SYN-SENT") && $0.martlet.result == CallResult.done && $0.bothAreSilent
          && $0.kernel.state == "over" && $0.martletStays
      }
      return false
    },
    Explanation(
      "text before the handshake is over", "RFC 9293 §3.10.2", in: .result,
      why:
        "\"Queue the data for transmission after entering ESTABLISHED state.\" A socket that waits refuses."
    ) {
      guard case .send(let count) = $0.step else { return false }
      return $0.at("SYN-SENT", "SYN-RECEIVED") && $0.isActive && $0.results(CallResult.full, "sent \(count)")
    },
    Explanation(
      "text after shutdown before the handshake is over", "RFC 9293 §3.10.2", in: .result, ends: false,
      why:
        "Nothing more can be sent, and we say so at once; the kernel's socket waits for the handshake first."
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.isSend && $0.results(CallResult.full, CallResult.over)
        && $0.past.contains { $0.endsSending }
    },
    Explanation(
      "close in SYN-RECEIVED of a simultaneous open", "RFC 9293 §3.10.4", in: [.segments, .state],
      why: """
        The RFC sends the FIN beside a SYN that is not acknowledged yet. We "queue for processing after entering
        ESTABLISHED state", as it does with text in the queue: the FIN leaves with the first acknowledgment.
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.isEnd && $0.answers("FIN+ACK", "")
        && ($0.kernel.state == "FIN-WAIT-1" && $0.martletStays || $0.sameState)
    },
    Explanation(
      "close with text out of order", "RFC 9293 §3.6, SHLD-3",
      why: """
        Text that was received and cannot be read any more is lost, also behind a hole: a reset says so. The
        kernel looks at what is in order.
        """
    ) { difference in
      difference.step == .close
        && (difference.martlet.kinds == "RST+ACK"
          && ["FIN+ACK", "FIN+ACK+text"].contains(difference.kernel.kinds)
          || difference.answers("", "RST+ACK")
            && (difference.past.contains { $0.endsSending }
              || difference.lastEdge < difference.view.sndNxt + 2_920))
        && difference.martlet.answers[0].ack == difference.view.rcvNxt
        && difference.arrivals.contains { $0.segment.length > 0 && $0.seq > difference.view.rcvNxt }
    },
    Explanation(
      "shutting the receiving half of what is over", "RFC 9293 §3.10.4", in: .result, ends: false,
      why:
        "There is nothing to tell the peer, so ours succeeds; the kernel's socket is not connected any more."
    ) {
      $0.step == .shutdown(.receive) && $0.results(CallResult.notConnected, CallResult.done)
        && $0.bothAreSilent
        && $0.kernel.state == "over"
    },
  ]
}

extension Difference {
  /// Martlet's last segment is a tail-loss probe in a step of 2 ms.
  var endsInEarlyProbe: Bool {
    guard !isActive, !view.usesStamps, let probe = martlet.answers.last, probe.time > 0, probe.time <= 10,
      probe.length > 0
    else { return false }
    let ends = martlet.answers.dropLast().map { $0.seq + $0.length + ($0.flags.contains(.fin) ? 1 : 0) }
    let end = max(view.sndNxt, ends.max() ?? 0)
    // RFC 8985 §7.3: "If there is previously unsent data … transmit one segment of it": else the last once more.
    let isNew = probe.seq == end && end > una && given >= end + probe.length && end + probe.length <= lastEdge
    return (isNew || reachesEnd(probe, end) && probe.seq < end)
      && kernel.answers.last?.text != probe.text
  }

  /// One has done more than the other, in the last tenth of a wait: all before that; nil: it has not.
  var withoutTimerAtTheEnd: Difference? {
    let isOurs = martlet.answers.count > kernel.answers.count
    guard isWait, abs(kernel.answers.count - martlet.answers.count) == 1,
      let last = (isOurs ? martlet : kernel).answers.last, last.time * 10 > waited * 9, isAgain(last)
    else { return nil }
    var rest = self
    if isOurs { rest.martlet.answers.removeLast() } else { rest.kernel.answers.removeLast() }
    return rest
  }

  fileprivate var beginsWithEarlyProbe: Bool {
    var first = self
    first.martlet.answers = Array(martlet.answers.prefix(1))
    return first.endsInEarlyProbe
  }

  /// No timestamps, or the segment that ended the handshake echoed none.
  fileprivate var hasMeasuredNothing: Bool {
    guard view.usesStamps, let third = arrivals.first(where: { $0.state == "SYN-RECEIVED" && $0.isAccepted })
    else { return !view.usesStamps }
    if case .present(let stamp) = third.segment.stamps { return stamp.echo == nil }
    return false
  }

  /// It ends where all that was sent does.
  func reachesEnd(_ answer: Answer, _ end: Int? = nil) -> Bool {
    answer.seq + answer.length + (answer.flags.contains(.fin) ? 1 : 0) == end ?? view.sndNxt
  }

  /// Something was sent again in a wait.
  var hasTimedOut: Bool {
    history.contains { step in
      if case .wait = step.step {
        step.outcome.answers.contains { $0.seq < step.view.sndNxt && !$0.flags.contains(.rst) }
      } else {
        false
      }
    }
  }

  /// A segment that was sent before, or a probe.
  func isAgain(_ answer: Answer) -> Bool {
    !answer.flags.contains(.rst) && answer.seq < view.sndNxt
  }
}
