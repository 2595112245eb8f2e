// LISTEN, SYN-SENT, SYN-RECEIVED.

extension Explanation {
  static let opening: [Explanation] = [
    Explanation(
      "SYN with FIN in LISTEN", "RFC 9293 §3.10.7.2",
      why: """
        "Any other control or text-bearing segment … should be queued for processing later": the SYN counts, and
        the FIN comes again. The kernel drops such a SYN, as firewalls do.
        """
    ) {
      $0.at("LISTEN", "TIME-WAIT") && $0.injects([.syn, .fin]) && $0.lacks([.ack, .rst])
        && $0.answers("", "SYN+ACK")
        && sameNumber($0.martlet.answers[0].ack ?? 0, $0.seq + 1)
    },
    Explanation(
      "SYN in a half-open connection's window", "RFC 5961 §4.2; RFC 9293 §3.10.7.4 fourth",
      why: """
        RFC 9293 returns to LISTEN, which lets anybody who guesses the window end an attempt; the kernel resets.
        We challenge, as in every later state: a peer that has restarted answers with a reset that fits.
        """
    ) {
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.injects(.syn) && $0.lacks(.rst)
        && $0.seq != $0.view.rcvNxt - 1
        && ($0.kernel.kinds == "RST+ACK" || $0.kernel.kinds == "RST") && $0.martletChallenges
    },
    Explanation(
      "options of a simultaneous open's SYN-ACK", "RFC 7323 §2.2, §3.2; RFC 2018 §2", in: [.segments, .echo],
      ends: false,
      why: """
        The kernel repeats the options of its SYN, asked for or not. We leave out what the peer's SYN has not
        offered: an option in a SYN-ACK is an agreement.
        """
    ) {
      $0.at("SYN-SENT", "SYN-RECEIVED") && $0.isActive && $0.answers("SYN+ACK", "SYN+ACK")
        && $0.sameAnswers(\.withoutOptions)
    },
    Explanation(
      "the SYN again after an acknowledgment of nothing", "RFC 9293 §3.10.7.3 first", ends: false,
      isTimed: true,
      why: """
        After <SEQ=SEG.ACK><CTL=RST> the kernel sends its SYN again two ticks later, to get past a peer's old
        half-open connection quickly. We wait for the retransmission timer: whoever can send such a segment could
        make us send a SYN each time.
        """
    ) { difference in
      let acknowledgesNothing = difference.injects(.ack) && difference.ack != 1
      return difference.at("SYN-SENT") && difference.kernel.answers.last?.flags == .syn
        && difference.martletSaysTheFirst
        && difference.kernel.answers.count == difference.martlet.answers.count + 1
        && (acknowledgesNothing
          ? difference.martlet.kinds == (difference.flags.contains(.rst) ? "" : "RST")
          // Or in the step after, which came sooner.
          : difference.martletIsSilent && difference.kernel.answers[0].time < 40
            && difference.arrivals.contains {
              $0.index == difference.index - 1 && $0.segment.flags.contains(.ack) && $0.ack != 1
            })
    },
    Explanation(
      "SYN again in SYN-RECEIVED of a simultaneous open", "RFC 9293 §3.10.7.4 first",
      why: """
        The RFC acknowledges what is not acceptable; a peer that repeats its SYN has not heard ours, and the
        acknowledgment would not tell it our number. We repeat the SYN-ACK (requirement T3).
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.injects(.syn) && $0.seq == $0.view.rcvNxt - 1
        && $0.answers("ACK", "SYN+ACK")
    },
    Explanation(
      "the SYN again with an older timestamp", "RFC 7323 §5.3 R1; RFC 9293 §3.10.7.4 first",
      why: """
        The same in every half-open connection: a SYN of the same number is the one that we have answered, whatever its
        clock says, and our SYN-ACK tells all that an acknowledgment would. The kernel acknowledges what is too old.
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.injects(.syn) && $0.lacks([.ack, .rst]) && $0.seq == $0.view.rcvNxt - 1
        && $0.isStale && $0.answers("ACK", "SYN+ACK")
    },
    Explanation(
      "an acknowledgment that does not acknowledge our SYN", "RFC 9293 §3.10.7.4 fifth",
      in: [.segments, .state],
      why: """
        "If the segment acknowledgment is not acceptable, form a reset segment <SEQ=SEG.ACK><CTL=RST>": so do we.
        In a simultaneous open the kernel takes ISS for acceptable, and is established.
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.injects(.ack) && $0.lacks(.syn) && $0.ack <= 0
        && $0.martlet.kinds == "RST" && $0.martletStays && (!$0.kernelStays || $0.isOrphan)
    },
    Explanation(
      "which check comes first for a half-open connection",
      "RFC 9293 §3.10.7.4 first, fifth; RFC 7323 §3.2, §5.3",
      why: """
        Out of the window, or with an old timestamp or none, and with a wrong acknowledgment: the RFC looks at the
        acknowledgment last, and acknowledges, or is silent. The kernel resets.
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.injects(.ack) && $0.ack != 1 && $0.kernel.kinds == "RST"
        && (($0.isOutside || $0.isStale || $0.flags.contains(.syn)
          || $0.seq + ($0.segment?.length ?? 0) <= $0.view.rcvNxt)
          && $0.martletChallenges || $0.lacksStamps && $0.martletIgnores)
    },
    Explanation(
      "what begins at the edge of the half-open window", "RFC 9293 §3.10.7.4 first, Table 6",
      in: [.state, .segments],
      why: """
        The half-open record looks at the first number only, with the edge inside as for an empty segment; the
        connection that it becomes refuses the FIN. The kernel stays half-open.
        """
    ) {
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.occupies && $0.beginsAtEdge && $0.kernelChallenges
        && ($0.flags.contains(.ack)
          ? $0.martlet.state == "ESTABLISHED" && $0.martletAcknowledges($0.view.rcvNxt)
          : $0.martletIgnores)
        // Or it came before, for a second connection, which has no socket to tell of it.
        || ["over", nil].contains($0.martletState) && ($0.martletTakes || $0.martletChallenges)
          && $0.kernel.answers.allSatisfy { $0.flags.contains(.rst) }
          && $0.arrivals.contains { $0.state == "SYN-RECEIVED" && $0.beginsAtEdge && $0.end > $0.seq }
    },
    Explanation(
      "the edge that a half-open connection's challenge rounds down", "RFC 7323 §2.2, §2.4",
      in: [.state, .segments, .sack],
      why: """
        What the SYN-ACK offered counts, for the kernel too: its challenge tells a scaled window, which is rounded down.
        So what lies beyond the edge that was told last is outside of our window and inside of the kernel's.
        """
    ) {
      $0.at("ESTABLISHED") && $0.hasKernelAnsweredHalfOpen && $0.seq >= $0.view.rcvEdge
        && $0.isInKernelsFirstWindow && $0.lacks([.syn, .rst]) && $0.kernelGoesOn && $0.martletChallenges
        || $0.at("SYN-RECEIVED") && !$0.isActive && $0.seq >= $0.view.rcvEdge && $0.isInKernelsFirstWindow
          && ($0.flags.contains(.rst)
            ? $0.martletIgnores && $0.kernelChallenges
            : $0.kernelGoesOn && $0.martletAcknowledges($0.view.rcvNxt)
              && ($0.martletStays || $0.beginsAtEdge && $0.martlet.state == "ESTABLISHED"))
    },
    Explanation(
      "a FIN that waited for the handshake", "RFC 9293 §3.10.4",
      why: """
        Both acknowledge the text or FIN that the acknowledgment brings: we on our FIN, or before it where there is a
        SACK block, the kernel behind it.
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.occupies
        && ($0.answers("FIN+ACK; ACK", "FIN+ACK") && $0.martlet.answers[0].ack == $0.kernel.answers[1].ack
          || $0.answers("FIN+ACK; ACK", "ACK; FIN+ACK") && !$0.martlet.answers[0].sack.isEmpty
            && $0.kernel.answers[0].seq == $0.martlet.answers[1].seq
            && [$0.kernel.answers[0].ack, $0.kernel.answers[1].ack].contains($0.martlet.answers[1].ack)
            && $0.kernel.answers[1].withoutNumber.text == $0.martlet.answers[0].withoutNumber.text)
    },
    Explanation(
      "an acknowledgment of what was never sent, after close in SYN-RECEIVED", "RFC 9293 §3.10.7.4 fifth",
      in: [.segments, .state],
      why: """
        Ours is half-open still, since its FIN waits for the handshake (see there), and resets what acknowledges something
        else; the kernel is in FIN-WAIT-1, and acknowledges.
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.past.contains { $0.endsSending } && $0.injects(.ack)
        && $0.ack > $0.view.sndNxt && $0.martlet.kinds == "RST" && $0.martletStays && $0.kernelChallenges
    },
    Explanation(
      "what comes after that, where there is no socket", "RFC 9293 §3.10.7.4 fifth",
      why:
        "Our connection is half-open still, and its FIN leaves; the kernel's has taken the wrong acknowledgment and reset."
    ) { difference in
      difference.isOrphan && difference.isActive
        && difference.kernel.answers.allSatisfy { $0.flags.contains(.rst) }
        && (difference.martlet.kinds == "FIN+ACK" || difference.martletTakes || difference.martletChallenges)
        && difference.arrivals.contains {
          $0.state == "SYN-RECEIVED" && $0.segment.flags.contains(.ack) && $0.ack <= 0
        }
    },
    Explanation(
      "text and FIN of a SYN-ACK", "RFC 9293 §3.10.7.3 fourth", in: [.segments, .state],
      why: """
        "If there are other controls or text in the segment, then continue processing at the sixth step": taken.
        The kernel takes them with Fast Open only.
        """
    ) {
      $0.at("SYN-SENT") && $0.injects([.syn, .ack]) && ($0.hasText || $0.flags.contains(.fin))
        && $0.kernel.answers.count == 1 && sameNumber($0.kernel.answers[0].ack ?? 0, $0.seq + 1)
        && $0.martletAcknowledges($0.end)
        && $0.martlet.state == ($0.flags.contains(.fin) ? "CLOSE-WAIT" : "ESTABLISHED")
    },
    Explanation(
      "TSecr of a SYN-ACK that we never sent", "RFC 7323 §3.2", in: [.segments, .state],
      why: """
        The kernel resets, and does not believe a reset either. The RFC only asks that TSecr be valid to measure by;
        the acknowledgment number has shown already that the peer has seen our SYN.
        """
    ) {
      $0.at("SYN-SENT") && $0.injects(.ack) && $0.ack == 1 && $0.hasForeignEcho && $0.kernelStays
        && ($0.flags.contains(.rst)
          ? $0.bothAreSilent && $0.martlet.state == "over"
          : !$0.flags.contains(.syn)
            ? $0.kernel.kinds == "RST" && $0.martletIgnores
            : $0.kernel.kinds == "RST" && $0.martletAcknowledges($0.end)
              && $0.martlet.state == ($0.flags.contains(.fin) ? "CLOSE-WAIT" : "ESTABLISHED"))
    },
    Explanation(
      "SYN+ACK again with text in a half-open connection", "RFC 5961 §4.2", in: .state,
      why: "Challenged by both. The kernel has made a socket of it, which is half-open too."
    ) {
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.injects([.syn, .ack]) && $0.martletChallenges
        && $0.kernel.state == "SYN-RECEIVED"
    },
    Explanation(
      "SYN+ACK with text that ends a simultaneous open", "RFC 9293 §3.10.7.4 fourth, fifth",
      in: [.state, .echo],
      why: "It acknowledges our SYN, and its text comes again. The kernel takes it only when it is empty."
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.injects([.syn, .ack]) && $0.seq == $0.view.rcvNxt - 1
        && $0.ack == 1
        && $0.end > $0.view.rcvNxt && $0.martlet.state == "ESTABLISHED" && $0.kernelStays
        && $0.martletAcknowledges($0.view.rcvNxt)
    },
    Explanation(
      "TSecr of the third segment that we never sent", "RFC 7323 §3.2", in: [.segments, .state, .sack],
      why: """
        The same in SYN-RECEIVED: the kernel drops the segment with an acknowledgment, we go on. Its half-open record
        has not sent the TSval of its answer to an earlier segment either.
        """
    ) { difference in
      difference.at("SYN-RECEIVED") && !difference.isActive && difference.injects(.ack)
        && difference.kernelChallenges && difference.martletTakes
        && (["over", nil].contains(difference.martletState) && difference.martletStays
          || difference.martlet.state
            == (difference.flags.contains(.fin) && difference.seq <= difference.view.rcvNxt
              ? "CLOSE-WAIT" : "ESTABLISHED"))
        && (difference.hasForeignEcho
          || difference.hasAnsweredHalfOpen)
    },
    Explanation(
      "what comes after a third segment that only we have taken", "RFC 7323 §3.2",
      in: [.segments, .state, .sack],
      why:
        "The same where there is no socket to show it: ours is a connection already, and the kernel's is not."
    ) { difference in
      difference.at("ESTABLISHED", "CLOSE-WAIT") && ["over", nil].contains(difference.martletState)
        && difference.martletStays && difference.segment != nil
        && difference.arrivals.contains {
          $0.state == "SYN-RECEIVED" && $0.hasStamps && $0.segment.flags.contains(.ack)
        }
        && (difference.kernelIsSilent || difference.kernelChallenges
          || difference.injects(.syn) && ["RST", "RST+ACK"].contains(difference.kernel.kinds))
        && (difference.martletTakes || difference.martletChallenges)
    },
    Explanation(
      "TSecr that we never sent on a segment without ACK", "RFC 9293 §3.10.7.4 fifth",
      why:
        "\"If the ACK bit is off, drop the segment\"; the kernel looks at TSecr before that, and acknowledges."
    ) {
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.lacks([.ack, .rst, .syn])
        && ($0.hasForeignEcho || $0.hasAnsweredHalfOpen) && $0.kernelChallenges && $0.martletIgnores
    },
    Explanation(
      "a half-open connection's reset with a TSecr that we never sent", "RFC 7323 §5.2",
      in: [.segments, .state],
      why: "A reset is no matter of timestamps. The kernel drops this one before it looks at its number."
    ) { difference in
      difference.at("SYN-RECEIVED") && difference.injects(.rst)
        // Or with an old timestamp.
        && (difference.hasForeignEcho || difference.hasAnsweredHalfOpen || difference.isStale)
        && difference.kernelIsSilent && difference.martletChallenges
        || difference.at("LISTEN")
          && difference.martletListens
          && (difference.kernelGoesOn || difference.injects(.syn) && difference.kernel.kinds == "RST+ACK")
          && difference.martletStays && ["over", nil].contains(difference.martlet.state)
          && difference.arrivals.contains {
            $0.state == "SYN-RECEIVED" && $0.segment.flags.contains(.rst) && $0.hasStamps
          }
    },
  ]
}

extension Difference {
  /// Its TSecr is neither the stack's last TSval nor zero.
  var hasForeignEcho: Bool { arrival?.hasForeignEcho ?? false }
  /// It is within 65,535 octets, where it has another number for the kernel than for Martlet.
  fileprivate var isInKernelsFirstWindow: Bool {
    guard let segment, let kernelView = kernel.view else { return false }
    return kernelView.rcvEdge - kernelView.rcvNxt < 65_535
      && kernelView.value(segment.seq) - kernelView.rcvNxt <= 65_535
  }
  /// The kernel's half-open record has answered more than its SYN.
  fileprivate var hasKernelAnsweredHalfOpen: Bool {
    !isActive
      && history.indices.contains {
        history[$0].stateBefore == "SYN-RECEIVED" && !kernelHistory[$0].answers.isEmpty
      }
  }
  /// The half-open record has answered more than its SYN, with a TSval.
  var hasAnsweredHalfOpen: Bool {
    view.usesStamps
      && history.indices.contains {
        history[$0].stateBefore == "SYN-RECEIVED"
          && !(history[$0].outcome.answers.isEmpty && kernelHistory[$0].answers.isEmpty)
      }
  }
}

extension Arrival {
  var hasStamps: Bool { if case .present = segment.stamps { true } else { false } }
  var hasForeignEcho: Bool {
    if case .present(let stamp) = segment.stamps, let echo = stamp.echo { return echo != 0 }
    return false
  }
}
