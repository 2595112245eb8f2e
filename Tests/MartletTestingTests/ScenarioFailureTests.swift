import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// A harness that cannot fail proves nothing: each of its complaints is provoked once.
@Suite struct ScenarioFailureTests {
  @Test func wrongNumber() {
    withKnownIssue {
      let s = Scenario()
      s.inject(.syn())
      s.expect(.synAck(seq: 0, ack: 2))
    } matching: { issue in
      issue.text.contains("ack is 1, not 2") && issue.text.contains("< Flags [S], seq 0, win 65535")
        && issue.text.contains("> Flags [S.], seq 0, ack 1")
    }
  }

  @Test func wrongFlags() {
    withKnownIssue {
      let s = Scenario()
      s.inject(.syn())
      s.expect(.rstAck())
    } matching: {
      $0.text.contains("flags are [S.], not [R.]")
    }
  }

  @Test func nothingWhereSomethingWasExpected() {
    withKnownIssue {
      let s = Scenario(.established())
      s.expect(.ack())
    } matching: {
      $0.text.contains("saw nothing")
    }
  }

  @Test func somethingWhereNothingWasExpected() {
    withKnownIssue {
      let s = Scenario()
      s.inject(.syn())
      s.expectNothing()
    } matching: {
      $0.text.contains("expected nothing") && $0.text.contains("saw: Flags [S.]")
    }
  }

  @Test func wrongTime() {
    withKnownIssue {
      let s = Scenario(.established())
      s.inject(.data("x"))
      s.expectNext(after: .milliseconds(41), .ack(ack: 2))
    } matching: {
      $0.text.contains("saw it after 0.040000 s")
    }
    withKnownIssue {
      let s = Scenario(.established())
      s.inject(.data("x"))
      s.expectNext(after: .milliseconds(38), .ack(ack: 2))
    } matching: {
      $0.text.contains("saw nothing")
    }
  }

  @Test func anotherFlow() {
    withKnownIssue {
      let s = Scenario()
      s.inject(.syn().from(port: 40_001))
      s.expect(.synAck(seq: 0, ack: 1))
    } matching: {
      $0.text.contains("another flow")
    }
  }

  @Test func wrongTextAndOptions() {
    withKnownIssue {
      let s = Scenario(.established())
      s.send("hello")
      s.expect(.data(seq: 1, ack: 1, "world", options: [.mss(9)]).carrying(.timestamps))
    } matching: {
      $0.text.contains("the text differs: \"hello\"") && $0.text.contains("option mss 9 is missing")
        && $0.text.contains("options missing: TS")
    }
  }

  @Test func wrongState() {
    withKnownIssue {
      Scenario(.established()).expectState(.closeWait)
    } matching: {
      $0.text.contains("the state is ESTABLISHED, not CLOSE-WAIT")
    }
  }

  @Test func leftovers() {
    withKnownIssue {
      Scenario(.established()).expectQuiet()
    } matching: {
      $0.text.contains("records or buffers are left")
    }
  }

  @Test func callsThatThrow() {
    withKnownIssue {
      let s = Scenario(.established())
      s.shutdown(.send)
      s.takeSegments()
      s.send("late")
    } matching: {
      $0.text.contains("send failed: shutDown")
    }
  }

  @Test func packetsThatAreWrong() {
    // A bad checksum injected is dropped by the stack and counted.
    let s = Scenario(.established())
    s.inject(.data("x").badChecksum())
    s.expectNothing(for: .milliseconds(100))
    #expect(s.counters.drops(.badTCPChecksum) == 1)
    #expect(s.receive().octets.isEmpty)
  }
}

extension Issue {
  var text: String { comments.map(\.rawValue).joined(separator: "\n") }
}
