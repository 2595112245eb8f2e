// Second: check the RST bit.

extension Explanation {
  static let resets: [Explanation] = [
    Explanation(
      "a reset one before RCV.NXT after the peer's FIN", "RFC 9293 §3.10.7.4 second; RFC 5961 §3.2",
      in: .state,
      why: """
        Outside the window, so it is dropped. The kernel believes it, for peers that leave their FIN out of the
        count; whoever guesses has two numbers then.
        """
    ) {
      $0.at("CLOSE-WAIT", "CLOSING", "LAST-ACK") && $0.injects(.rst) && $0.seq == $0.view.rcvNxt - 1
        && $0.kernel.state == "over" && $0.bothAreSilent && $0.martletStays
    },
    Explanation(
      "a connection that ended so, and has no socket", "RFC 9293 §3.10.7.4 second; RFC 5961 §3.2",
      why:
        "The same where the application has let go: what comes then meets nothing at the kernel's, and a connection here."
    ) { difference in
      difference.isOrphan && difference.at("CLOSING", "LAST-ACK") && difference.segment != nil
        && difference.kernelHasNone
        && (difference.martletTakes || difference.martletChallenges)
        && difference.arrivals.contains {
          $0.segment.flags.contains(.rst) && $0.seq == $0.view.rcvNxt - 1
            && ["CLOSING", "LAST-ACK"].contains($0.state)
        }
    },
    Explanation(
      "a reset of what the kernel has closed", "RFC 7323 §3.2; RFC 9293 §3.10.7.4 second",
      in: [.segments, .state],
      why: """
        A segment without timestamps, which we drop, has acknowledged the FIN for the kernel: its connection is in
        TIME-WAIT, where the reset that has ended ours means nothing.
        """
    ) { difference in
      difference.at("LISTEN") && difference.martletListens && difference.martlet.state == nil
        && difference.kernel.answers.allSatisfy { $0.flags == .ack && $0.length == 0 }
        && difference.arrivals.contains { lost in
          lost.lacksStamps && lost.segment.flags.contains(.ack)
            && ["FIN-WAIT-1", "CLOSING", "LAST-ACK"].contains(lost.state)
            && difference.arrivals.contains {
              $0.index > lost.index && $0.segment.flags.contains(.rst) && $0.state == lost.state
            }
        }
    },
    Explanation(
      "text that waits when the reset comes", "RFC 9293 §3.10.7.4 second", in: .result,
      why: """
        "All segment queues should be flushed": the reader hears of the reset at once. The kernel hands out what
        it has first.
        """
    ) {
      $0.isReceive && $0.stateWhenReset != nil && $0.octets($0.kernel) > 0
        && ($0.martlet.result == CallResult.reset || $0.martlet.result == CallResult.over && $0.hasToldReset)
    },
    Explanation(
      "what a reset tells in SYN-RECEIVED", "RFC 9293 §3.10.7.4 second, MUST-11", in: .result,
      why: "\"The connection was refused; signal the user 'connection refused'.\" The kernel says \"reset\"."
    ) {
      $0.isActive && $0.isCall && $0.stateWhenReset == "SYN-RECEIVED"
        && $0.results(CallResult.reset, CallResult.refused)
    },
    Explanation(
      "what a reset tells after the peer's FIN", "RFC 9293 §3.10.7.4 second", in: .result,
      why: """
        In CLOSE-WAIT the user is told of the reset, in CLOSING and LAST-ACK there is nobody to tell: the stream
        was complete. The kernel calls the first a broken pipe and the second a reset.
        """
    ) {
      $0.isCall
        && ($0.stateWhenReset == "CLOSE-WAIT" && $0.results(CallResult.over, CallResult.reset)
          || ["CLOSING", "LAST-ACK"].contains($0.stateWhenReset)
            && $0.results(CallResult.reset, CallResult.over))
    },
    Explanation(
      "a reset whose numbers reach into the window", "RFC 5961 §3.2; RFC 9293 SHLD-2", ends: false,
      why: """
        Text of a reset is not looked at, nor its SYN and FIN: its sequence number alone must be exact, and out
        of the window it is dropped. The kernel counts its length, and challenges.
        """
    ) {
      ($0.isSynchronized || $0.at("SYN-RECEIVED")) && $0.injects(.rst) && $0.seq < $0.view.rcvNxt
        && $0.end >= $0.view.rcvNxt && $0.kernelChallenges && $0.martletIgnores
    },
    Explanation(
      "a reset whose numbers reach out of the window", "RFC 5961 §3.2; RFC 9293 SHLD-2", ends: false,
      why: "Again its own number alone counts here, and is in the window: challenged. The kernel drops it."
    ) {
      $0.injects(.rst) && $0.seq > $0.view.rcvNxt && $0.seq <= $0.view.rcvEdge && $0.end > $0.view.rcvEdge
        && $0.kernelIsSilent && $0.martletChallenges
    },
    Explanation(
      "a reset at the end of a SACK block", "RFC 5961 §3.2", in: [.segments, .state],
      why:
        "Only RCV.NXT is exact. The kernel believes a reset behind the last block that it has told as well."
    ) { difference in
      difference.injects(.rst) && difference.seq > difference.view.rcvNxt
        && (difference.kernel.state == "over" || difference.isOrphan)
        && difference.kernelIsSilent && difference.martletChallenges
        && difference.arrivals.contains { $0.end == difference.seq && $0.end > $0.seq }
    },
    Explanation(
      "a FIN behind a hole after close", "RFC 9293 §3.6, SHLD-3", in: [.segments, .state],
      why: """
        It brings nothing to read, so it is acknowledged and waits. The kernel takes it for text that nobody will
        read, and resets.
        """
    ) {
      ($0.at("FIN-WAIT-1", "FIN-WAIT-2") && $0.kernel.kinds == "RST"
        // Or our FIN has waited for the handshake.
        || $0.at("SYN-RECEIVED") && $0.isActive && ["RST", "FIN+ACK; RST"].contains($0.kernel.kinds))
        && ($0.isOrphan || $0.hasShutReceive) && $0.injects(.fin) && !$0.hasText
        && $0.seq > $0.view.rcvNxt
        && ($0.martletAcknowledges($0.view.rcvNxt) || $0.martletSendsWhatWaited)
        && ($0.martletStays
          || $0.ack == $0.view.sndNxt
            && $0.martlet.state == ($0.at("SYN-RECEIVED") ? "FIN-WAIT-1" : "FIN-WAIT-2"))
    },
    Explanation(
      "options of a reset", "RFC 7323 §3.2; RFC 2018 §2", in: [.segments, .echo, .sack],
      why: """
        Timestamps "SHOULD be sent in an <RST> segment"; the kernel adds SACK blocks too. Ours is bare: a reset is
        believed by its number alone (RFC 7323 §5.3 R1 leaves it out of PAWS), and often there is no record left.
        """
    ) {
      $0.isCall && $0.answers("RST+ACK", "RST+ACK")
        && ($0.sameAnswers(\.withoutOptions)
          || $0.hasNumberInWindow && $0.sameAnswers(\.withoutOptions.withoutNumber))
        && $0.martlet.answers[0].echo == nil && $0.martlet.answers[0].sack.isEmpty
    },
    Explanation(
      "aborting over text that was not read", "RFC 9293 §3.10.5",
      why: """
        In CLOSING, LAST-ACK and TIME-WAIT "respond with 'ok' and delete the TCB": nothing is sent. The kernel sends
        a reset where text was not read.
        """
    ) {
      $0.at("CLOSING", "LAST-ACK") && $0.step == .abort && $0.answers("RST+ACK", "")
        && $0.arrivals.contains { $0.segment.length > 0 }
    },
    Explanation(
      "aborting over text that is not acknowledged", "RFC 9293 §3.10.5",
      why: """
        The same paragraph: the kernel is silent once its FIN has left. What the peer has not acknowledged may never
        arrive, and nobody sends it again, so we say that it will not.
        """
    ) {
      $0.at("CLOSING", "LAST-ACK") && $0.step == .abort && $0.answers("", "RST+ACK")
        && $0.view.sndNxt > $0.una + 1
    },
    Explanation(
      "FIN-WAIT-2 without an application", "RFC 9293 §3.10.7.4", in: [.segments, .echo],
      why: """
        The kernel keeps a record of TIME-WAIT's kind, which believes any reset in the window, ignores strange
        acknowledgments and answers once. Ours is a connection like any other until its time is over.
        """
    ) { $0.at("FIN-WAIT-2") && $0.isOrphan && $0.segment != nil && $0.isByTheLetterInFinWait2 },
  ]
}

extension Difference {
  /// Martlet's state when a segment with RST ended the connection; nil: none has.
  var stateWhenReset: String? {
    arrivals.first { arrival in
      arrival.segment.flags.contains(.rst) && history[arrival.index].outcome.state == "over"
    }.map(\.state)
  }

  /// Text in front of our FIN, which this acknowledgment lets go, and which acknowledges what came before.
  fileprivate var martletSendsWhatWaited: Bool {
    past.contains { $0.endsSending } && Self.textRange(martlet)?.lowerBound == view.sndNxt
      && martlet.answers.allSatisfy { $0.length > 0 && $0.ack == view.rcvNxt && !$0.flags.contains(.rst) }
  }

  /// Martlet answers as a listener.
  var martletListens: Bool {
    if flags.contains(.rst) { return martletIsSilent }
    return martlet.kinds == (flags.contains(.ack) ? "RST" : flags.contains(.syn) ? "SYN+ACK" : "")
  }

  /// The kernel answers as one that has no connection: with resets, or as a listener.
  var kernelHasNone: Bool {
    kernel.answers.allSatisfy { $0.flags.contains(.rst) }
      || !isActive && injects(.syn) && lacks([.ack, .rst]) && kernel.kinds == "SYN+ACK"
        && sameNumber(kernel.answers[0].ack ?? 0, seq + 1)
  }

  /// A call has heard of the reset already.
  var hasToldReset: Bool {
    history.contains { [CallResult.reset, CallResult.refused].contains($0.outcome.result) }
  }

  /// What RFC 9293 §3.10.7.4 and RFC 5961 ask for in FIN-WAIT-2, where nobody will read: the checks in their order.
  var isByTheLetterInFinWait2: Bool {
    if isStale, lacks([.rst, .syn]) { return martletChallenges }
    if flags.contains(.rst) {
      let isInside = seq >= view.rcvNxt && seq <= view.rcvEdge
      return isInside && seq != view.rcvNxt ? martletChallenges : martletIsSilent
    }
    if flags.contains(.syn) || isOutside { return martletChallenges }
    guard flags.contains(.ack) else { return martletIsSilent }
    if ack > view.sndNxt || acknowledgesTooOld { return martletChallenges }
    if hasText, end - (flags.contains(.fin) ? 1 : 0) > view.rcvNxt { return martlet.kinds == "RST+ACK" }
    if flags.contains(.fin) { return martletAcknowledges(seq <= view.rcvNxt ? end : view.rcvNxt) }
    return martletIsSilent || ack < una && martletChallenges
  }
}
