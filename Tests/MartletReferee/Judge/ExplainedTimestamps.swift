// Timestamps, and TIME-WAIT, which they guard.

extension Explanation {
  static let stamps: [Explanation] = [
    Explanation(
      "a segment without the timestamps that were agreed on", "RFC 7323 §3.2", in: [.segments, .state],
      why: """
        "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the segment." The kernel
        takes it.
        """
    ) {
      $0.lacks([.rst, .syn]) && $0.segment != nil && $0.martletIgnores && $0.lacksStamps
    },
    Explanation(
      "a timestamp that is one tick old", "RFC 7323 §5.3 R1", in: [.segments, .state, .sack],
      why: "\"SEG.TSval < TS.Recent\" is old. The kernel lets one tick pass (TCP_PAWS_WINDOW)."
    ) { difference in
      difference.lacks([.syn, .rst]) && difference.martletChallenges
        && difference.arrivals.contains { $0.clock - 1 == difference.arrival?.clock }
        // Or it came before, out of order, and is now next.
        || difference.hasText && difference.martletTakes && difference.kernel.kinds == "ACK"
          && difference.kernel.answers[0].ack ?? 0 > difference.martlet.answers.first?.ack ?? .max
          && difference.arrivals.contains { late in
            !late.isNext && difference.arrivals.contains { $0.clock - 1 == late.clock }
          }
    },
    Explanation(
      "text that fills a hole and is older than what came since", "RFC 7323 §5.3 R1",
      in: [.segments, .state, .sack, .echo],
      why: """
        A deviation (Deviations.md): what is missing is held to TS.Recent as it was when the first hole opened, since
        what the network has delayed would have to be sent again. The kernel drops it by the letter.
        """
    ) { difference in
      difference.isStale && difference.hasText && difference.lacks([.syn, .rst])
        && difference.kernelChallenges
        && (difference.martletTakes || difference.martlet.kinds == "RST+ACK" && difference.isOrphan)
        && difference.arrivals.contains {
          $0.seq > difference.view.rcvNxt && $0.segment.length > 0
            && $0.clock <= difference.arrival?.clock ?? 0
        }
    },
    Explanation(
      "TS.Recent in TIME-WAIT", "RFC 7323 §4.3; RFC 9293 §3.10.7.4", in: [.echo, .segments], ends: false,
      why:
        "The kernel's record goes on taking TSval from what arrives; ours keeps that of the connection's end."
    ) { difference in
      difference.at("TIME-WAIT") && difference.view.usesStamps
        && (difference.answers("ACK", "ACK")
          && zip(difference.kernel.answers, difference.martlet.answers).allSatisfy {
            $0.withoutEcho.text == $1.withoutEcho.text && $1.echo != nil && difference.isOfConnection($1.echo)
          }
          || difference.answers("ACK", "") && difference.martletIgnores
            && difference.arrivals.contains { $0.clock > difference.arrival?.clock ?? .max })
    },
    Explanation(
      "a SYN that is older than what came in TIME-WAIT", "RFC 7323 §4.3; RFC 6191 §2",
      why: """
        The same: newer than TS.Recent of the connection's end, it opens a new one here; it is older than what the
        kernel's record has taken since.
        """
    ) { difference in
      difference.at("TIME-WAIT") && difference.view.usesStamps && difference.injects(.syn)
        && difference.lacks([.ack, .rst]) && difference.answers("ACK", "SYN+ACK")
        && difference.arrivals.contains { $0.clock >= difference.arrival?.clock ?? .max }
    },
    Explanation(
      "TS.Recent after an acknowledgment that is too old", "RFC 7323 §4.3; RFC 5961 §5.2", in: .echo,
      ends: false,
      why: "We have gone on with a segment that the kernel challenged (see there), and taken its TSval."
    ) { difference in
      let known = difference.arrivals + [difference.arrival].compactMap { $0 }
      return zip(difference.kernel.answers, difference.martlet.answers).allSatisfy { kernel, own in
        (kernel.echo ?? 0) < (own.echo ?? 0) && known.contains { $0.acknowledgesOld && $0.clock == own.echo }
      }
    },
    Explanation(
      "older than an acknowledgment that is too old", "RFC 7323 §5.3 R1; RFC 5961 §5.2",
      in: [.segments, .state, .sack, .echo],
      why: "And what is older than that TSval, we acknowledge and drop; the kernel takes it."
    ) { difference in
      difference.martletChallenges && difference.lacks([.syn, .rst])
        // Or resets, since text is behind the peer's FIN (see there).
        && (difference.kernelGoesOn
          || (difference.isAfterFinish || difference.isOrphan || difference.hasShutReceive)
            && difference.hasText
            && difference.kernel.kinds == "RST")
        && difference.arrivals.contains {
          $0.acknowledgesOld && $0.isNext && $0.clock > difference.arrival?.clock ?? .max
        }
    },
    Explanation(
      "a repeated acknowledgment with an old timestamp", "RFC 7323 §5.3 R1", ends: false,
      why: "\"Send an acknowledgment in reply\": the kernel is silent where the segment looks reordered."
    ) { difference in
      difference.view.usesStamps && difference.isConnection && difference.injects(.ack)
        && difference.lacks([.syn, .rst, .fin]) && !difference.occupies && difference.kernelIsSilent
        && difference.martletChallenges
        && difference.arrivals.contains { $0.clock > difference.arrival?.clock ?? 0 }
    },
    Explanation(
      "a SYN for TIME-WAIT where nobody listens", "RFC 9293 §3.10.7.4 fourth",
      why: """
        A SYN that may open a new connection is the listener's; without one it is answered like any for a closed
        port, and TIME-WAIT goes on. The kernel acknowledges.
        """
    ) {
      $0.at("TIME-WAIT") && $0.injects(.syn) && $0.lacks([.ack, .rst]) && $0.answers("ACK", "RST+ACK")
        && sameNumber($0.martlet.answers[0].ack ?? 0, $0.end) && $0.isActive
    },
    Explanation(
      "TIME-WAIT after a new connection that came to nothing", "RFC 9293 §3.6.1, MAY-2",
      why: """
        Whoever takes a SYN in TIME-WAIT has to return to it "if the SYN turns out to be an old duplicate": ours is
        there all the time, behind the half-open record. The kernel's is gone.
        """
    ) { difference in
      difference.at("TIME-WAIT") && difference.kernel.answers.allSatisfy { $0.flags.contains(.rst) }
        // A listener is silent where the ACK is missing.
        && (!difference.kernelIsSilent || difference.lacks([.ack, .rst]))
        // What fits is no news there.
        && (difference.martlet.kinds == "ACK"
          || difference.martletIsSilent && difference.injects(.ack) && !difference.occupies)
        && difference.history.contains { $0.stateBefore == "SYN-RECEIVED" }
        && difference.arrivals.contains { $0.state == "TIME-WAIT" && $0.segment.flags.contains(.syn) }
    },
  ]
}

extension Difference {
  /// The newest TSval that was taken before TIME-WAIT.
  fileprivate func isOfConnection(_ echo: Int?) -> Bool {
    // The record may be made before the segment that ends the connection is counted.
    let taken = arrivals.filter { $0.state != "TIME-WAIT" && $0.isAccepted && $0.isNext }.map(\.clock)
      .sorted()
    return echo == view.lastEcho || taken.suffix(2).contains { $0 == echo }
  }

  /// Timestamps were agreed on, and it has none.
  var lacksStamps: Bool {
    guard let segment else { return false }
    if case .absent = segment.stamps { return view.usesStamps }
    // Raw options of the SYN, which the scripted peer does not know the meaning of.
    return pastSegments.contains { $0.raw.starts(with: [8, 10]) }
  }
}
