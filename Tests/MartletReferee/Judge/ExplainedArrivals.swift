// SEGMENT ARRIVES in the synchronized states: the checks of RFC 9293 §3.10.7.4 in their order.

extension Explanation {
  static let sequenceNumbers: [Explanation] = [
    Explanation(
      "an old segment whose end touches RCV.NXT", "RFC 9293 §3.10.7.4 first, Table 6",
      why: """
        Not acceptable: all its octets are old, so it is acknowledged and dropped. The kernel compares ends and
        edges generously, and goes on with its acknowledgment.
        """
    ) {
      ($0.isSynchronized || $0.at("SYN-RECEIVED") && $0.isActive) && $0.endsAtNext && $0.lacks([.syn, .rst])
        && $0.martlet.acknowledgesOnly
    },
    Explanation(
      "a segment that begins at the window's edge", "RFC 9293 §3.10.7.4 first, Table 6",
      why: "Not acceptable: its first octet is outside. The kernel goes on with its acknowledgment."
    ) {
      ($0.isSynchronized || $0.at("SYN-RECEIVED") && $0.isActive) && $0.occupies && $0.beginsAtEdge
        && $0.lacks([.syn, .rst])
        && $0.martlet.acknowledgesOnly
    },
    Explanation(
      "a segment that reaches beyond the window", "RFC 9293 §3.10.7.4 first, seventh",
      why: """
        Acceptable, as its first octet is in the window; what is beyond is trimmed. The kernel drops it whole when
        its receive queue holds anything, and takes all of it when it is empty.
        """
    ) { $0.isSynchronized && $0.crossesEdge && $0.lacks([.syn, .rst]) },
    Explanation(
      "a segment without ACK out of the window", "RFC 9293 §3.10.7.4 first, fifth", ends: false,
      why: """
        The sequence number comes first, and what is not acceptable is acknowledged. The kernel drops what has no
        ACK before it looks.
        """
    ) {
      ($0.isSynchronized || $0.at("SYN-RECEIVED") && $0.isActive) && $0.segment != nil
        && $0.lacks([.ack, .syn, .rst]) && $0.answers("", "ACK")
        && $0.sameState
    },
    Explanation(
      "the right edge of a scaled window", "RFC 7323 §2.3",
      why: """
        A window that is not a multiple of its scale is told rounded down. We take what we have room for; what
        the kernel takes ends elsewhere.
        """
    ) {
      $0.isSynchronized && $0.segment != nil && !$0.flags.contains(.rst) && $0.seq > $0.view.rcvEdge
        && $0.seq < $0.view.rcvEdge + 16_384 && $0.offersScale
    },
    Explanation(
      "an empty segment just behind the window that the kernel has told", "RFC 9293 §3.8.6",
      why: "The kernel's window was wider than it has said: text that was read or dropped came back to it."
    ) {
      $0.isSynchronized && !$0.occupies && $0.seq > $0.view.rcvEdge && $0.seq <= $0.view.rcvEdge + 16
        && $0.answers("", "ACK") && $0.sameState
    },
  ]

  static let resets: [Explanation] = [
    Explanation(
      "a reset one before RCV.NXT after the peer's FIN", "RFC 9293 §3.10.7.4 second; RFC 5961 §3.2",
      why: """
        Outside the window, so it is dropped. The kernel believes it, for peers that leave their FIN out of the
        count; whoever guesses has two numbers then.
        """
    ) {
      $0.at("CLOSE-WAIT", "CLOSING", "LAST-ACK") && $0.injects(.rst) && $0.seq == $0.view.rcvNxt - 1
        && $0.kernelIsSilent && $0.martletIsSilent && !$0.sameState
    },
    Explanation(
      "text that waits when the reset comes", "RFC 9293 §3.10.7.4 second",
      why: """
        "All segment queues should be flushed": the reader hears of the reset at once. The kernel hands out what
        it has first.
        """
    ) { difference in
      difference.isReceive && (difference.kernel.result ?? "").hasSuffix("octets")
        && difference.martlet.result == CallResult.reset
        && difference.pastSegments.contains { $0.flags.contains(.rst) }
    },
    Explanation(
      "what a reset tells in SYN-RECEIVED", "RFC 9293 §3.10.7.4 second, MUST-11",
      why: "\"The connection was refused; signal the user 'connection refused'.\" The kernel says \"reset\"."
    ) { $0.isActive && $0.isCall && $0.results(CallResult.reset, CallResult.refused) },
    Explanation(
      "what a reset tells after the peer's FIN", "RFC 9293 §3.10.7.4 second",
      why: """
        In CLOSE-WAIT the user is told of the reset, in CLOSING and LAST-ACK there is nobody to tell: the stream
        was complete. The kernel calls the first a broken pipe and the second a reset.
        """
    ) { difference in
      difference.isCall && difference.kernel.state == "over" && difference.martlet.state == "over"
        && difference.pastSegments.contains { $0.flags.contains(.rst) }
        && Set([difference.kernel.result, difference.martlet.result]) == [CallResult.reset, CallResult.over]
    },
    Explanation(
      "a reset whose numbers reach into the window", "RFC 5961 §3.2; RFC 9293 SHLD-2", ends: false,
      why: """
        Text of a reset is not looked at, nor its SYN and FIN: its sequence number alone must be exact, and out
        of the window it is dropped. The kernel counts its length, and challenges.
        """
    ) {
      $0.isSynchronized && $0.injects(.rst) && $0.seq < $0.view.rcvNxt && $0.end >= $0.view.rcvNxt
        && $0.answers("ACK", "") && $0.sameState
    },
    Explanation(
      "a reset whose numbers reach out of the window", "RFC 5961 §3.2; RFC 9293 SHLD-2", ends: false,
      why: "Again its own number alone counts here, and is in the window: challenged. The kernel drops it."
    ) { $0.injects(.rst) && $0.end > $0.view.rcvEdge && $0.answers("", "ACK") && $0.sameState },
    Explanation(
      "a reset at the end of a SACK block", "RFC 5961 §3.2",
      why:
        "Only RCV.NXT is exact. The kernel believes a reset behind the last block that it has told as well."
    ) {
      $0.injects(.rst) && $0.seq > $0.view.rcvNxt && $0.kernel.state == "over" && $0.answers("", "ACK")
        && $0.pastSegments.contains { $0.sequenceLength > 0 && $0.seq != ScriptNumber(.rcvNxt) }
    },
    Explanation(
      "a FIN behind a hole after close", "RFC 9293 §3.6, SHLD-3",
      why: """
        It brings nothing to read, so it is acknowledged and waits. The kernel takes it for text that nobody will
        read, and resets.
        """
    ) {
      $0.at("FIN-WAIT-1", "FIN-WAIT-2") && $0.isOrphan && $0.injects(.fin) && !$0.hasText
        && $0.seq > $0.view.rcvNxt
        && $0.answers("RST", "ACK")
    },
    Explanation(
      "options of a reset", "RFC 7323 §3.2; RFC 2018 §2", ends: true,
      why: """
        Timestamps "SHOULD be sent in an <RST> segment"; the kernel adds SACK blocks too. Ours is bare: a reset is
        believed by its number alone (RFC 7323 §5.3 R1 leaves it out of PAWS), and often there is no record left.
        """
    ) {
      $0.isCall && $0.answers("RST+ACK", "RST+ACK") && $0.sameAnswers(\.withoutOptions) && $0.sameResult
    },
    Explanation(
      "FIN-WAIT-2 without an application", "RFC 9293 §3.10.7.4", ends: true,
      why: """
        The kernel keeps a record of TIME-WAIT's kind, which believes any reset in the window, ignores strange
        acknowledgments and answers once. Ours is a connection like any other until its time is over.
        """
    ) { $0.at("FIN-WAIT-2") && $0.isOrphan && $0.segment != nil },
  ]

  static let acknowledgments: [Explanation] = [
    Explanation(
      "an acknowledgment older than the connection", "RFC 5961 §5.2",
      why: """
        The RFC takes anything from SND.UNA - MAX.SND.WND on. The kernel bounds that by what was acknowledged so
        far, and challenges the rest; we go by the letter, and ignore an old acknowledgment of that range.
        """
    ) {
      $0.isSynchronized && $0.injects(.ack) && $0.lacks([.syn, .rst]) && $0.ack < $0.view.sndUna
        && $0.kernel.answers.map(\.flags) == [.ack] && $0.kernel.answers.allSatisfy { $0.length == 0 }
    },
    Explanation(
      "repeated acknowledgments whose window differs", "RFC 5681 §2",
      why: """
        "The advertised window in the incoming acknowledgment equals the advertised window in the last": else it
        is no duplicate. The kernel counts those that make the window smaller.
        """
    ) {
      $0.injects(.ack) && $0.ack == $0.view.sndUna && $0.view.sndNxt > $0.view.sndUna && $0.martletIsSilent
        && $0.answers("ACK+text", "") && $0.windowsDiffer
    },
  ]

  static let text: [Explanation] = [
    Explanation(
      "text beyond the peer's FIN", "RFC 9293 §3.10.7.4 seventh",
      why: """
        "This should not occur since a FIN has been received from the remote side. Ignore the segment text." The
        kernel resets.
        """
    ) {
      $0.at("CLOSE-WAIT", "LAST-ACK", "CLOSING") && $0.hasText && $0.end > $0.view.rcvNxt
        && $0.kernel.answers.map(\.flags) == [.rst] && $0.martletIsSilent
    },
    Explanation(
      "text for whom nobody reads any more", "RFC 9293 §3.6, SHLD-3",
      why: """
        Who shuts the receiving half says that the text does not matter: it is acknowledged and dropped. The
        kernel keeps it for a reader in ESTABLISHED, and resets once its own FIN is sent.
        """
    ) { $0.hasShutReceive && ($0.hasText || $0.isReceive || $0.injects(.fin) || $0.step == .close) },
    Explanation(
      "the reset in answer to text after close", "RFC 9293 §3.6, SHLD-3", ends: true,
      why: "Both reset. The kernel's has no ACK, as if there were no connection; ours belongs to it."
    ) {
      $0.at("FIN-WAIT-1", "FIN-WAIT-2") && $0.hasText && $0.answers("RST", "RST+ACK") && $0.sameState
    },
    Explanation(
      "the window's update after reading", "RFC 9293 §3.8.6.2.2", ends: false,
      why: """
        We tell of a window that opened by two segments at least; the kernel of one that doubled. Both are past
        the RFC's least step.
        """
    ) { $0.isReceive && $0.sameResult && $0.sameState && ($0.answers("", "ACK") || $0.answers("ACK", "")) },
    Explanation(
      "which duplicate a SACK block tells of", "RFC 2883 §4", ends: false,
      why: "We tell of old octets that come with new ones or with a FIN too; the kernel of some."
    ) { $0.sameAnswers(\.withoutSACK) && $0.sameState && $0.hasText && $0.seq < $0.view.rcvNxt },
    Explanation(
      "a FIN in a SACK block", "RFC 2018 §3", ends: false,
      why: """
        Blocks are of "data that has been received and queued". The kernel counts a FIN behind a hole as an octet;
        we acknowledge it without a block, and remember it all the same.
        """
    ) { difference in
      difference.sameAnswers(\.withoutSACK) && difference.sameState && difference.sameResult
        && (difference.pastSegments + [difference.segment].compactMap { $0 }).contains {
          $0.flags.contains(.fin)
        }
    },
    Explanation(
      "SACK blocks beside text", "RFC 2018 §4", ends: false,
      why: """
        "SHOULD be included in all ACKs which do not ACK the highest sequence number": the kernel puts them on
        segments with text as well, we on empty ones, so that text keeps its size.
        """
    ) {
      $0.sameAnswers(\.withoutSACK) && $0.sameState && $0.sameResult
        && $0.martlet.answers.contains { $0.length > 0 }
    },
    Explanation(
      "delayed acknowledgments", "RFC 9293 §3.8.6.3, SHLD-18; RFC 5681 §4.2",
      why: """
        Where it may delay, the kernel acknowledges the first segments of a connection at once all the same; we
        do so for full ones only. Both are within the 500 ms and the second full segment.
        """
    ) { $0.script.settings.delaysAcknowledgments && $0.sameState && $0.sameResult },
    Explanation(
      "text and a FIN that contradict each other", "RFC 9293 §3.10.7.4 eighth",
      why: """
        A peer that sends a FIN and text in its place or beyond lies one way or the other. What came first counts
        here, as with text (robustness rule R5); the kernel takes what is in order first.
        """
    ) { difference in
      let all = difference.pastSegments + [difference.segment].compactMap { $0 }
      return difference.hasText && difference.at("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2")
        && all.contains { $0.flags.contains(.fin) && !$0.flags.contains(.syn) }
        && all.contains { $0.seq != ScriptNumber(.rcvNxt) || $0.length == 0 }
        && difference.kernel.answers.count == 1 && difference.martlet.answers.count == 1
    },
    Explanation(
      "reading up to the urgent mark", "RFC 6093 §3.1; RFC 9293 §3.8.5",
      why:
        "The kernel stops a read in front of the mark, as BSD does. Ours is read like all text (Deviations.md)."
    ) { difference in
      difference.isReceive && difference.sameState && difference.sameAnswers
        && difference.pastSegments.contains { $0.flags.contains(.urg) }
        && (difference.kernel.result ?? "").hasSuffix("octets")
        && (difference.martlet.result ?? "").hasSuffix("octets")
    },
    Explanation(
      "the MSS option twice", "RFC 9293 §3.7.1",
      why: "The RFC says nothing. The first counts here, the last for the kernel."
    ) { difference in
      difference.isSend
        && difference.pastSegments.contains { $0.raw.starts(with: [2, 4]) && $0.raw.count > 7 }
    },
  ]
}

extension Outcome {
  /// One acknowledgment without text, or nothing.
  var acknowledgesOnly: Bool {
    answers.count <= 1 && answers.allSatisfy { $0.flags == .ack && $0.length == 0 }
  }
}

extension Answer {
  var withoutSACK: Answer {
    var bare = self
    bare.sack = []
    return bare
  }
  var withoutEcho: Answer {
    var bare = self
    bare.echo = nil
    return bare
  }
}

extension Difference {
  var offersScale: Bool { pastSegments.contains { $0.flags.contains(.syn) && $0.windowScale != nil } }
  var hasShutReceive: Bool { past.contains(.shutdown(.receive)) || past.contains(.shutdown(.both)) }

  /// This acknowledgment and some of the same number before have different windows.
  var windowsDiffer: Bool {
    guard let segment else { return false }
    return pastSegments.contains { $0.window != segment.window }
  }
}
