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
      $0.isSynchronized && $0.injects(.ack) && $0.lacks([.syn, .rst]) && $0.ack < $0.view.sndUna
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
        && difference.hasText && difference.kernel.kinds == "ACK"
        && (difference.martletTakes
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
      $0.injects(.ack) && $0.ack == $0.view.sndUna && $0.view.sndNxt > $0.view.sndUna && $0.martletIgnores
        && $0.kernel.kinds == "ACK+text" && $0.kernel.answers[0].seq == $0.view.sndUna && $0.windowsDiffer
    },
  ]

  static let text: [Explanation] = [
    Explanation(
      "text beyond the peer's FIN", "RFC 9293 §3.10.7.4 seventh", in: [.segments, .state],
      why: """
        "This should not occur since a FIN has been received from the remote side. Ignore the segment text." The
        kernel resets.
        """
    ) {
      $0.at("CLOSE-WAIT", "LAST-ACK", "CLOSING") && $0.hasText && $0.end > $0.view.rcvNxt
        && $0.kernel.kinds == "RST"
        && ($0.martletIsSilent || $0.martlet.kinds == "FIN+ACK" && $0.past.contains { $0.endsSending })
        && ($0.martletStays || $0.ack == $0.view.sndNxt && $0.martlet.state == "over")
    },
    Explanation(
      "another FIN beyond the peer's FIN", "RFC 9293 §3.10.7.4 seventh, eighth",
      why: """
        The first one has ended the stream, and what is beyond it is ignored. The kernel takes it once more, at the end
        of a segment that is old but for this.
        """
    ) {
      $0.isAfterFinish && $0.injects(.fin) && $0.end > $0.view.rcvNxt && $0.seq < $0.view.rcvNxt
        && ["ACK", "FIN+ACK"].contains($0.kernel.kinds) && $0.kernel.answers[0].ack == $0.end
        && ($0.martletIgnores || $0.answers("FIN+ACK", "FIN+ACK") && $0.martletChallenges)
    },
    Explanation(
      "reading what nobody wants any more", "RFC 9293 §3.6, SHLD-3", in: .result,
      why: """
        Who shuts the receiving half says that the text does not matter: it is acknowledged and dropped. The
        kernel keeps it for a reader.
        """
    ) {
      $0.hasShutReceive && $0.isReceive && ($0.kernel.result ?? "").hasSuffix("octets")
        && ($0.martlet.result == CallResult.end || $0.martlet.result == CallResult.over)
    },
    Explanation(
      "text for whom nobody reads any more", "RFC 9293 §3.6, SHLD-3", in: [.segments, .state],
      why: "The same in FIN-WAIT-1 and FIN-WAIT-2: the kernel resets once its own FIN is sent."
    ) {
      $0.hasShutReceive && $0.hasText && $0.kernel.state == "over" && $0.martletTakes
        && ($0.martlet.state != "over" || $0.known.contains(where: \.hasFinish))
        && ($0.at("FIN-WAIT-1", "FIN-WAIT-2") && $0.kernel.kinds == "RST"
          || $0.at("SYN-RECEIVED") && $0.isActive && ["RST", "FIN+ACK; RST"].contains($0.kernel.kinds))
    },
    Explanation(
      "closing over text that nobody wants", "RFC 9293 §3.6, SHLD-3",
      why:
        "The same at `close`: the kernel has kept the text, and resets because it was not read; our FIN leaves."
    ) {
      $0.hasShutReceive && $0.step == .close && $0.kernel.kinds == "RST+ACK"
        && ($0.at("ESTABLISHED", "CLOSE-WAIT") && $0.lastEdge > $0.view.sndNxt
          ? $0.martlet.kinds == "FIN+ACK" : $0.martletIsSilent)
        && $0.arrivals.contains { $0.segment.length > 0 }
    },
    Explanation(
      "the reset in answer to text after close", "RFC 9293 §3.6, SHLD-3",
      why: "Both reset. The kernel's has no ACK, as if there were no connection; ours belongs to it."
    ) {
      $0.at("FIN-WAIT-1", "FIN-WAIT-2", "SYN-RECEIVED") && $0.hasText && $0.end > $0.view.rcvNxt
        && $0.answers("RST", "RST+ACK") && $0.past.contains(.close)
        && $0.martlet.answers[0].ack == $0.view.rcvNxt
    },
    Explanation(
      "the window's update after reading", "RFC 9293 §3.8.6.2.2", ends: false,
      why: """
        We tell of a window that opened by two segments at least; the kernel of one that doubled. Both are past
        the RFC's least step.
        """
    ) {
      $0.isReceive && $0.octetsRead >= 2 * 1_440 && $0.kernelIsSilent
        && $0.martletAcknowledges($0.view.rcvNxt)
    },
    Explanation(
      "which duplicate a SACK block tells of", "RFC 2883 §4", in: .sack, ends: false,
      why: "We tell of old octets that come with new ones or with a FIN too; the kernel of some."
    ) { difference in
      let old = [(difference.seq, min(difference.end, difference.view.rcvNxt))]
      let held = difference.arrivals.filter { $0.seq > $0.view.rcvNxt }.map {
        (max($0.seq, difference.seq), min($0.seq + $0.segment.length, difference.end))
      }
      return difference.hasText
        && zip(difference.kernel.answers, difference.martlet.answers).allSatisfy { kernel, own in
          // The kernel's second block may be what is acknowledged already.
          let fresh = kernel.sack.filter { $0.1 > kernel.ack ?? 0 }
          guard let first = own.sack.first else { return fresh.isEmpty }
          return (old + held).contains { $0 == first && first.1 <= own.ack ?? 0 }
        }
    },
    Explanation(
      "a SYN in a SACK block", "RFC 2883 §4", in: .sack, ends: false,
      why: "\"Duplicate contiguous sequence of data\": the kernel counts a SYN that came twice as an octet."
    ) {
      $0.isActive && $0.injects([.syn, .ack]) && $0.seq == 0 && $0.answers("ACK", "ACK")
        && $0.martlet.answers[0].sack.isEmpty && $0.kernel.answers[0].sack.elementsEqual([(0, 1)], by: ==)
    },
    Explanation(
      "a FIN in a SACK block", "RFC 2018 §3", in: .sack, ends: false,
      why: """
        Blocks are of "data that has been received and queued". The kernel counts a FIN behind a hole as an octet;
        we acknowledge it without a block, and remember it all the same.
        """
    ) { difference in
      // Without the FIN's number, the two say the same, each with its own numbers near the edge.
      let kernelFins = difference.kernelArrivals.filter(\.hasFinish).map(\.end)
      let fins = (difference.arrivals + [difference.arrival].compactMap { $0 }).filter(\.hasFinish).map(\.end)
      return zip(difference.kernel.answers, difference.martlet.answers).allSatisfy { kernel, own in
        let blocks = Difference.blocks(kernel.sack, without: kernelFins).map {
          (difference.own($0.0), difference.own($0.1))
        }
        let ours = Difference.blocks(own.sack, without: fins)
        return blocks.elementsEqual(ours) { $0 == $1 }
      }
    },
    Explanation(
      "SACK blocks beside text", "RFC 2018 §4", in: [.sack, .segments], ends: false,
      why: """
        "SHOULD be included in all ACKs which do not ACK the highest sequence number": the kernel puts them on
        segments with text as well, we on empty ones, so that text keeps its size.
        """
    ) { $0.hasBlocksBesideText && $0.texts.map { $0.kernel == $0.own } ?? false },
    Explanation(
      "the room of SACK blocks beside text", "RFC 2018 §4", in: [.sack, .segments],
      why: """
        The same where they cost the last octets their place in a window that counts segments or holds small pieces
        back, or where ours leave a little later.
        """
    ) { difference in
      let own = difference.martlet.answers.filter { $0.length > 0 }
      guard difference.hasBlocksBesideText, let texts = difference.texts, texts.kernel != texts.own else {
        return false
      }
      return difference.kernel.answers.count == own.count || difference.script.settings.nagle
        || texts.own.upperBound == difference.lastEdge || own.contains { $0.time >= 1 }
        || difference.leavesSmallPiece(own.map(\.length))
    },
    Explanation(
      "SACK blocks beside a FIN", "RFC 2018 §4", in: .sack, ends: false,
      why: "The same on a FIN without text."
    ) {
      $0.answers("FIN+ACK", "FIN+ACK") && $0.martlet.answers[0].sack.isEmpty
        && ($0.isEnd || $0.past.contains { $0.endsSending })
    },
    Explanation(
      "delayed acknowledgments", "RFC 9293 §3.8.6.3, SHLD-18; RFC 5681 §4.2",
      why: """
        Where it may delay, the kernel acknowledges the first segments of a connection at once all the same; we
        do so for full ones only. Both are within the 500 ms and the second full segment.
        """
    ) {
      $0.script.settings.delaysAcknowledgments && $0.answers("ACK", "") && $0.kernel.answers[0].ack == $0.end
        && $0.segment.map { $0.length < 1_440 } ?? false
    },
    Explanation(
      "text and a FIN that contradict each other", "RFC 9293 §3.10.7.4 eighth",
      in: [.segments, .state, .sack],
      why: """
        A peer that sends a FIN and text in its place or beyond lies one way or the other. What came first counts
        here, as with text (robustness rule R5); the kernel takes what is in order first.
        """
    ) { difference in
      let known = difference.arrivals + [difference.arrival].compactMap { $0 }
      let fins = known.filter {
        $0.segment.flags.contains(.fin) && $0.segment.flags.isDisjoint(with: [.syn, .rst])
      }
      return difference.at("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2") && difference.segment != nil
        && fins.contains { fin in
          known.contains { $0.segment.length > 0 && $0.seq + $0.segment.length >= fin.end }
            || fins.contains { $0.end != fin.end }
        }
        && difference.kernel.answers.count == 1
        && difference.martletAcknowledges(difference.martlet.answers.first?.ack ?? 0)
    },
    Explanation(
      "reading up to the urgent mark", "RFC 6093 §3.1; RFC 9293 §3.8.5", in: .result,
      why:
        "The kernel stops a read in front of the mark, as BSD does. Ours is read like all text (Deviations.md)."
    ) { difference in
      difference.isReceive && difference.pastSegments.contains { $0.flags.contains(.urg) }
        && difference.octets(difference.kernel) > 0
        && difference.octets(difference.kernel) < difference.octets(difference.martlet)
    },
    Explanation(
      "the MSS option twice", "RFC 9293 §3.7.1",
      why: "The RFC says nothing. The first counts here, the last for the kernel."
    ) { difference in
      difference.isSend && difference.texts.map { $0.kernel == $0.own } ?? false
        && difference.pastSegments.contains { $0.raw.starts(with: [2, 4]) && $0.raw.count > 7 }
    },
  ]
}

extension Difference {
  /// A number of a segment that the kernel has met, as Martlet has met it: the edges of two windows differ.
  fileprivate func own(_ number: Int) -> Int {
    for (kernel, own) in zip(kernelArrivals, known) {
      if kernel.seq == number { return own.seq }
      if kernel.seq + kernel.segment.length == number { return own.seq + own.segment.length }
    }
    return number
  }

  /// Without the number of a FIN at the end of a block.
  fileprivate static func blocks(_ blocks: [(Int, Int)], without fins: [Int]) -> [(Int, Int)] {
    blocks.map { fins.contains($0.1) ? ($0.0, $0.1 - 1) : $0 }.filter { $0.0 < $0.1 }
  }

  /// The segments with the numbers that they had for the kernel.
  fileprivate var kernelArrivals: [Arrival] {
    (kernelHistory + [kernel]).enumerated().compactMap { at, outcome in
      guard case .inject(let segment) = script.steps[at], let view = outcome.view else { return nil }
      return segment.hasBadChecksum ? nil : Arrival(segment, view, at, "")
    }
  }

  /// The kernel's segments with text have SACK blocks, Martlet's one empty acknowledgment before them.
  fileprivate var hasBlocksBesideText: Bool {
    let blocks = martlet.answers.prefix { $0.length == 0 && $0.flags == .ack && !$0.sack.isEmpty }
    let own = martlet.answers.dropFirst(blocks.count)
    guard let texts, blocks.count <= 1, let last = own.last else { return false }
    return kernelHasBlocks && own.allSatisfy { $0.length > 0 && $0.sack.isEmpty }
      && (texts.kernel != texts.own
        || kernel.answers.last?.flags.subtracting(.psh) == last.flags.subtracting(.psh))
      && Set(kernel.answers.map(\.ack)) == Set(martlet.answers.map(\.ack))
      && Set(kernel.answers.map(\.echo)) == Set(martlet.answers.map(\.echo))
  }

  /// On all of the kernel's segments, or of a duplicate, which is told of once, on those that were made at once.
  fileprivate var kernelHasBlocks: Bool {
    let first = kernel.answers.prefix { !$0.sack.isEmpty }
    let rest = kernel.answers.dropFirst(first.count)
    guard !first.isEmpty, !rest.isEmpty else { return !first.isEmpty }
    return rest.allSatisfy(\.sack.isEmpty)
      && first.allSatisfy { answer in answer.sack.allSatisfy { $0.1 <= answer.ack ?? 0 } }
  }

  var hasShutReceive: Bool { past.contains(.shutdown(.receive)) || past.contains(.shutdown(.both)) }

  /// This acknowledgment and some of the same number before have different windows.
  var windowsDiffer: Bool {
    guard let segment else { return false }
    return pastSegments.contains { $0.window != segment.window }
  }

  /// "17 octets".
  func octets(_ outcome: Outcome) -> Int {
    Int(outcome.result?.split(separator: " ").first ?? "") ?? 0
  }

  /// "sent 17".
  func octets(_ outcome: Outcome, behind word: String) -> Int {
    guard let words = outcome.result?.split(separator: " "), words.first == Substring(word) else { return 0 }
    return Int(words.last ?? "") ?? 0
  }

  /// By this call and those before it.
  var octetsRead: Int { history.reduce(octets(martlet)) { $0 + octets($1.outcome) } }
}
