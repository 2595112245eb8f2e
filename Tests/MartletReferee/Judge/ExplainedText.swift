// SEGMENT ARRIVES, seventh and eighth: text and FIN, and what reads them.

extension Explanation {
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
      "text beyond a FIN that waits", "RFC 9293 §3.10.7.4 seventh", in: [.segments, .state],
      why: """
        The same where something before the FIN is missing: what lies beyond it is no text that anybody would read, and
        is acknowledged as out of order. The kernel resets where the application has let go.
        """
    ) { difference in
      difference.at("FIN-WAIT-1", "FIN-WAIT-2") && (difference.isOrphan || difference.hasShutReceive)
        && difference.hasText && difference.kernel.kinds == "RST"
        && difference.martletAcknowledges(difference.view.rcvNxt)
        && (difference.earlierFinish.map { difference.seq >= $0.end - 1 } ?? false)
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
      $0.hasShutReceive && $0.isReceive && $0.octets($0.kernel) > 0
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
        && ($0.at("ESTABLISHED", "CLOSE-WAIT") && $0.lastEdge > $0.view.sndNxt && $0.given == $0.view.sndNxt
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
      $0.isReceive && $0.kernelIsSilent && $0.tellsOfOpenedWindow
    },
    Explanation(
      "the window's update after shutting the receiving half", "RFC 9293 §3.8.6.2.2; §3.6, SHLD-3",
      ends: false,
      why: """
        What nobody will read any more is dropped (see there), and two segments of window have opened. The kernel keeps
        the text.
        """
    ) {
      ($0.step == .shutdown(.receive) || $0.step == .shutdown(.both)) && $0.kernelIsSilent
        && $0.octetsWaiting >= 2 * 1_440 && $0.martlet.kinds == "ACK"
        && $0.martlet.answers[0].ack == $0.view.rcvNxt
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
      "a duplicate that a block tells of, in front of text", "RFC 2883 §4; RFC 2018 §4",
      in: [.segments, .sack],
      ends: false,
      why: """
        The same where text waited for the acknowledgment that came beside it: our block travels on an empty
        acknowledgment, and the kernel has none.
        """
    ) { difference in
      guard difference.hasText, let first = difference.martlet.answers.first, first.flags == .ack,
        first.length == 0, first.sack.count == 1, first.sack[0].1 <= first.ack ?? 0
      else { return false }
      return first.sack[0] == (difference.seq, min(difference.end, difference.view.rcvNxt))
        && !difference.kernelIsSilent
        && difference.kernel.answers.map(\.text) == difference.martlet.answers.dropFirst().map(\.text)
    },
    Explanation(
      "a SYN in a SACK block", "RFC 2883 §4", in: .sack, ends: false,
      why: "\"Duplicate contiguous sequence of data\": the kernel counts a SYN that came twice as an octet."
    ) {
      $0.isActive && $0.injects([.syn, .ack]) && $0.seq == 0 && $0.answers("ACK", "ACK")
        && $0.martlet.answers[0].sack.isEmpty && $0.kernel.answers[0].sack.elementsEqual([(0, 1)], by: ==)
    },
    Explanation(
      "blocks at the edges of two windows", "RFC 2018 §3; RFC 7323 §2.4", in: .sack,
      why: """
        The script counts from the edge that each has told, and the kernel's is lower where a scaled window was rounded
        down: the text has other numbers there, and so have the blocks.
        """
    ) { difference in
      guard difference.hasText, let segment = difference.segment, let view = difference.kernel.view,
        difference.answers("ACK", "ACK")
      else { return false }
      let seq = view.value(segment.seq)
      let own = difference.seq..<difference.end
      return seq != own.lowerBound
        && difference.martlet.answers[0].sack.contains { $0.0 <= own.lowerBound && own.upperBound <= $0.1 }
        && difference.kernel.answers[0].sack.contains { $0.0 <= seq && seq + own.count <= $0.1 }
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
        && (["ACK", "FIN+ACK", "ACK; FIN+ACK"].contains(difference.kernel.kinds)
          && difference.martletAcknowledges(difference.martlet.answers.first?.ack ?? 0)
          // Or beside text that waited.
          || difference.sameAnswersButAcknowledgments && !difference.martletIsSilent
            && difference.martlet.answers.allSatisfy { $0.ack == difference.earlierFinish?.end })
    },
    Explanation(
      "reading up to the urgent mark", "RFC 6093 §3.1; RFC 9293 §3.8.5", in: [.result, .segments],
      why: """
        The kernel stops a read in front of the mark, as BSD does. Ours is read like all text (Deviations.md), and the
        peer hears of the window that this has opened.
        """
    ) { difference in
      difference.isReceive && difference.pastSegments.contains { $0.flags.contains(.urg) }
        && difference.octets(difference.kernel) > 0
        && difference.octets(difference.kernel) < difference.octets(difference.martlet)
        && (difference.sameAnswers || difference.kernelIsSilent && difference.tellsOfOpenedWindow)
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
    blocks.map { block in
      var end = block.1
      // There may be several in a row.
      while end > block.0, fins.contains(end) { end -= 1 }
      return (block.0, end)
    }
    .filter { $0.0 < $0.1 }
  }

  /// The segments with the numbers that they had for the kernel.

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

  /// An acknowledgment of what came before, after reading two segments.
  fileprivate var tellsOfOpenedWindow: Bool {
    octetsRead >= 2 * 1_440 && martletAcknowledges(view.rcvNxt)
  }

  /// Octets that were acknowledged and not read.
  fileprivate var octetsWaiting: Int {
    guard let syn else { return 0 }
    return view.rcvNxt - (syn.seq.offset + 1) - octetsRead
  }

  /// Each says the same as the other, but acknowledges something else with it.
  var sameAnswersButAcknowledgments: Bool {
    sameAnswers { answer in
      var bare = answer.withoutSACK.withoutEcho
      bare.ack = 0
      return bare
    }
  }

  /// All segments acknowledge what is in order now.
  var martletAcknowledgesTaken: Bool {
    martlet.answers.allSatisfy { $0.ack == takenEnd && !$0.flags.contains(.rst) }
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
