// SEGMENT ARRIVES in the synchronized states: the checks of RFC 9293 §3.10.7.4 in their order.

extension Explanation {
  static let sequenceNumbers: [Explanation] = [
    Explanation(
      "an old segment whose end touches RCV.NXT", "RFC 9293 §3.10.7.4 first, Table 6",
      in: [.segments, .state, .sack, .echo, .number],
      why: """
        Not acceptable: all its octets are old, so it is acknowledged and dropped. The kernel compares ends and
        edges generously, and goes on with its acknowledgment.
        """
    ) {
      $0.isConnection && $0.endsAtNext && $0.lacks([.syn, .rst]) && $0.martletChallenges && $0.kernelGoesOn
    },
    Explanation(
      "a segment that begins at the window's edge", "RFC 9293 §3.10.7.4 first, Table 6",
      in: [.segments, .state, .sack, .echo, .number],
      why: "Not acceptable: its first octet is outside. The kernel goes on with its acknowledgment."
    ) {
      $0.isConnection && $0.occupies && $0.beginsAtEdge && $0.lacks([.syn, .rst]) && $0.martletChallenges
        && ($0.kernelGoesOn || $0.isOrphan && $0.kernel.kinds == "RST")
    },
    Explanation(
      "what the kernel took from a segment that touches the window", "RFC 9293 §3.10.7.4 first, Table 6",
      in: [.segments, .state],
      why: """
        It has gone on with the acknowledgment or the window of one of these two, or of one without timestamps (see
        there), though both answered it alike, and so sends more or less from there on.
        """
    ) { difference in
      difference.arrivals.contains {
        $0.endsAtNext || $0.beginsAtEdge && $0.end > $0.seq || $0.lacksStamps
      }
        && ((difference.isSend || difference.isEnd) && difference.kernelIsSilent != difference.martletIsSilent
          && (difference.martletIsSilent || difference.fillsWindow || difference.martlet.kinds == "FIN+ACK")
          && difference.kernel.answers.allSatisfy { $0.length > 0 || $0.flags == [.fin, .ack] }
          || difference.isWait && difference.kernelIsSilent
            && difference.martlet.answers.allSatisfy { difference.isAgain($0) }
          || difference.isOrphan && (difference.martletTakes || difference.martletChallenges))
    },
    Explanation(
      "a segment that reaches beyond the window", "RFC 9293 §3.10.7.4 first, seventh",
      in: [.segments, .state, .sack],
      why: """
        Acceptable, as its first octet is in the window; what is beyond is trimmed. The kernel drops it whole when
        its receive queue holds anything, and takes all of it when it is empty.
        """
    ) {
      ($0.isSynchronized || $0.at("SYN-RECEIVED")) && $0.crossesEdge && $0.lacks([.syn, .rst])
        && ($0.martletTakes
          || $0.kernelChallenges && $0.isAfterFinish
            && ($0.martlet.kinds.hasPrefix("ACK+text") || $0.martlet.kinds == "FIN+ACK")
          || $0.martletTakesAndSends)
        && $0.kernelGoesOn
    },
    Explanation(
      "a segment without ACK that is not acceptable", "RFC 9293 §3.10.7.4 first, fifth; RFC 7323 §5.3 R1",
      ends: false,
      why: """
        Sequence number and timestamp come first, and what is not acceptable is acknowledged. The kernel drops what has no
        ACK before it looks.
        """
    ) {
      $0.isConnection && $0.segment != nil && ($0.isOutside || $0.isStale) && $0.lacks([.ack, .syn, .rst])
        && $0.kernelIsSilent && $0.martletChallenges
    },
    Explanation(
      "scaled windows that nobody agreed on", "RFC 7323 §2.2", in: [.segments, .state],
      why: """
        After a simultaneous open with a peer that scales nothing the kernel scales its windows all the same, so that
        the peer believes them to be narrow, and it takes what is far beyond. Ours are as they are told.
        """
    ) {
      $0.isSimultaneous && $0.isConnection && $0.syn?.windowScale == nil && $0.isOutside
        && $0.seq >= $0.view.rcvEdge && $0.lacks([.syn, .rst]) && $0.martletChallenges && $0.kernelGoesOn
    },
  ]

  static let acknowledgments: [Explanation] = [
    Explanation(
      "an acknowledgment older than the connection", "RFC 5961 §5.2", in: [.segments, .state, .sack],
      why: """
        The RFC takes anything from SND.UNA - MAX.SND.WND on. The kernel bounds that by what was acknowledged so
        far, and challenges the rest; we go by the letter, and ignore an old acknowledgment of that range.
        """
    ) {
      $0.isSynchronized && $0.injects(.ack) && $0.lacks([.syn, .rst]) && $0.ack < $0.una
        && !$0.isOutside
        && !$0.acknowledgesTooOld && $0.kernelChallenges
        && ($0.martletTakes || $0.isOrphan && $0.hasText && $0.martlet.kinds == "RST+ACK")
    },
    Explanation(
      "an acknowledgment that is too old on the kernel's fast path", "RFC 5961 §5.2 (MUST); RFC 7323 §4.3",
      in: [.segments, .state, .echo],
      why: """
        "All incoming segments whose ACK value doesn't satisfy the above condition MUST be discarded and an ACK sent
        back": so do we. What is next in order the kernel takes, or takes its TSval, before it looks at the number.
        """
    ) {
      $0.isSynchronized && $0.acknowledgesTooOld && $0.lacks([.syn, .rst])
        && $0.seq == $0.view.rcvNxt && $0.martletChallenges && ["ACK", ""].contains($0.kernel.kinds)
    },
    Explanation(
      "text beside an acknowledgment older than the connection", "RFC 5961 §5.2",
      in: [.segments, .state, .result],
      why:
        "The same where both have answered alike, with an acknowledgment: we hold its text, the kernel does not."
    ) { difference in
      difference.arrivals.contains {
        $0.acknowledgesOld && $0.end > $0.view.rcvNxt && $0.seq > $0.view.rcvNxt
      }
        && difference.hasText && difference.kernel.answers.contains { $0.ack != nil }
        && difference.sameAnswersButAcknowledgments
        && (difference.martletTakes || difference.martletAcknowledgesTaken
          || difference.arrivals.contains {
            $0.end > difference.end && difference.martletAcknowledges($0.end)
          })
        && (difference.martlet.answers.first?.ack ?? 0) > (difference.kernel.answers[0].ack ?? 0)
    },
    Explanation(
      "repeated acknowledgments whose window differs", "RFC 5681 §2",
      why: """
        "The advertised window in the incoming acknowledgment equals the advertised window in the last": else it
        is no duplicate. The kernel counts those that make the window smaller.
        """
    ) {
      $0.injects(.ack) && $0.ack == $0.una && $0.view.sndNxt > $0.una && $0.martletIgnores
        && $0.kernel.kinds == "ACK+text" && $0.kernel.answers[0].seq == $0.una && $0.windowsDiffer
    },
  ]
}
