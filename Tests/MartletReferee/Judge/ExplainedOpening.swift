// LISTEN, SYN-SENT, SYN-RECEIVED.

extension Explanation {
  static let opening: [Explanation] = [
    Explanation(
      "SYN with FIN in LISTEN", "RFC 9293 §3.10.7.2",
      why: """
        "Any other control or text-bearing segment … should be queued for processing later": the SYN counts, and
        the FIN comes again. The kernel drops such a SYN, as firewalls do.
        """
    ) { $0.at("LISTEN", "TIME-WAIT") && $0.injects([.syn, .fin]) && $0.answers("", "SYN+ACK") },
    Explanation(
      "SYN in a half-open connection's window", "RFC 5961 §4.2; RFC 9293 §3.10.7.4 fourth",
      why: """
        RFC 9293 returns to LISTEN, which lets anybody who guesses the window end an attempt; the kernel resets.
        We challenge, as in every later state: a peer that has restarted answers with a reset that fits.
        """
    ) {
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.injects(.syn) && $0.lacks(.rst) && $0.seq != 0
        && ($0.answers("RST+ACK", "ACK") || $0.answers("RST", "ACK"))
    },
    Explanation(
      "options of a simultaneous open's SYN-ACK", "RFC 7323 §2.2, §3.2; RFC 2018 §2", ends: false,
      why: """
        The kernel repeats the options of its SYN, asked for or not. We leave out what the peer's SYN has not
        offered: an option in a SYN-ACK is an agreement.
        """
    ) {
      $0.at("SYN-SENT", "SYN-RECEIVED") && $0.isActive && $0.answers("SYN+ACK", "SYN+ACK") && $0.sameState
        && $0.kernel.answers[0].withoutOptions.text == $0.martlet.answers[0].withoutOptions.text
    },
    Explanation(
      "the SYN again after an acknowledgment of nothing", "RFC 9293 §3.10.7.3 first", ends: false,
      why: """
        After <SEQ=SEG.ACK><CTL=RST> the kernel sends its SYN again two ticks later, to get past a peer's old
        half-open connection quickly. We wait for the retransmission timer: whoever can send such a segment could
        make us send a SYN each time.
        """
    ) { difference in
      difference.at("SYN-SENT") && difference.sameState && difference.sameResult
        && (difference.pastSegments + [difference.segment].compactMap { $0 }).contains {
          $0.flags.contains(.ack)
        }
        && difference.kernel.answers.filter { !$0.flags.contains(.syn) }.map(\.text)
          == difference.martlet.answers.filter { !$0.flags.contains(.syn) }.map(\.text)
        && difference.kernel.answers.filter { $0.flags.contains(.syn) }.count
          > difference.martlet.answers.filter { $0.flags.contains(.syn) }.count
    },
    Explanation(
      "SYN again in SYN-RECEIVED of a simultaneous open", "RFC 9293 §3.10.7.4 first",
      why: """
        The RFC acknowledges what is not acceptable; a peer that repeats its SYN has not heard ours, and the
        acknowledgment would not tell it our number. We repeat the SYN-ACK (requirement T3).
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.injects(.syn) && $0.seq == 0 && $0.answers("ACK", "SYN+ACK")
    },
    Explanation(
      "an acknowledgment that does not acknowledge our SYN", "RFC 9293 §3.10.7.4 fifth",
      why: """
        "If the segment acknowledgment is not acceptable, form a reset segment <SEQ=SEG.ACK><CTL=RST>": so do we.
        In a simultaneous open the kernel takes ISS for acceptable, and is established.
        """
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.injects(.ack) && $0.lacks(.syn) && $0.ack <= 0
        && $0.martlet.answers.map(\.flags) == [.rst] && $0.kernel.state != "SYN-RECEIVED"
    },
    Explanation(
      "which check comes first for a half-open connection", "RFC 9293 §3.10.7.4 first, fifth",
      why: """
        Out of the window and with a wrong acknowledgment: the RFC looks at the sequence number first, and
        acknowledges. The kernel resets.
        """
    ) {
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.injects(.ack) && $0.ack != 1 && $0.answers("RST", "ACK")
    },
    Explanation(
      "a FIN at the edge of the half-open window", "RFC 9293 §3.10.7.4 first, Table 6",
      why: """
        The half-open record looks at the first number only, with the edge inside as for an empty segment; the
        connection that it becomes refuses the FIN. The kernel stays half-open.
        """
    ) {
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.occupies && $0.beginsAtEdge && $0.answers("ACK", "ACK")
    },
    Explanation(
      "old text with a FIN as the third segment", "RFC 9293 §3.10.7.4 first, Table 6",
      why: "The half-open record looks at text only; the FIN comes again, alone. The kernel takes it."
    ) {
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.injects([.fin, .ack]) && $0.hasText
        && $0.end == $0.view.rcvNxt + 1
        && $0.answers("ACK", "ACK")
    },
    Explanation(
      "a FIN that waited for the handshake, and text", "RFC 9293 §3.10.4",
      why: "Both acknowledge the text: we on the FIN, the kernel behind it."
    ) {
      $0.at("SYN-RECEIVED") && $0.isActive && $0.hasText && $0.answers("FIN+ACK; ACK", "FIN+ACK")
        && $0.sameState
    },
    Explanation(
      "text and FIN of a SYN-ACK", "RFC 9293 §3.10.7.3 fourth",
      why: """
        "If there are other controls or text in the segment, then continue processing at the sixth step": taken.
        The kernel takes them with Fast Open only.
        """
    ) {
      $0.at("SYN-SENT") && $0.injects([.syn, .ack]) && ($0.hasText || $0.flags.contains(.fin))
        && $0.kernel.answers.map(\.ack) == [$0.seq + 1] && $0.answers("ACK", "ACK")
    },
    Explanation(
      "TSecr of a SYN-ACK that we never sent", "RFC 7323 §3.2",
      why: """
        The kernel resets. The RFC only asks that TSecr be valid to measure by; the acknowledgment number has
        shown already that the peer has seen our SYN.
        """
    ) {
      $0.at("SYN-SENT") && $0.injects(.ack) && $0.kernel.answers.map(\.flags) == [.rst] && $0.hasForeignEcho
        && ($0.answers("RST", "ACK") || $0.answers("RST", ""))
    },
    Explanation(
      "TSecr of the third segment that we never sent", "RFC 7323 §3.2",
      why: "The same in SYN-RECEIVED: the kernel drops the segment with an acknowledgment, we go on."
    ) {
      // An answer to a segment that was too old moves the last TSval, which the kernel has then not sent either.
      $0.at("SYN-RECEIVED") && !$0.isActive && $0.injects(.ack) && $0.kernel.state == nil
        && ($0.hasForeignEcho || ($0.offersStamps && $0.pastSegments.count > 1))
        && $0.kernel.answers.map(\.flags) == [.ack] && $0.martlet.state != nil
    },
  ]
}

extension Answer {
  var withoutOptions: Answer {
    var bare = self
    bare.mss = nil
    bare.hasScale = false
    bare.sackPermitted = false
    bare.echo = nil
    bare.sack = []
    return bare
  }
}

extension Difference {
  /// Its TSecr is neither the stack's last TSval nor zero.
  var hasForeignEcho: Bool {
    if let segment, case .present(let stamp) = segment.stamps, let echo = stamp.echo { return echo != 0 }
    return false
  }
}
