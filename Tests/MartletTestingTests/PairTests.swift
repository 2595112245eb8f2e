import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite struct PairTests {
  @Test("A segment that is dropped comes again", arguments: [false, true])
  func dropped(_ overIPv6: Bool) {
    let pair = Pair(overIPv6: overIPv6)
    pair.connect()
    pair.drop(2, from: .client) { $0.textCount > 0 }
    pair.send(.client, 10_000)
    pair.run(for: .seconds(5))
    #expect(pair.receive(.server).octets == scriptText(0..<10_000))
    #expect(pair.client.stack.counters.tcp.retransSegs == 1)
  }

  @Test("Both sides close at once, and nothing is left")
  func simultaneousClose() {
    let pair = Pair()
    pair.connect()
    pair.shutdown(.client)
    pair.shutdown(.server)
    pair.run(for: .seconds(1))
    #expect(pair.state(.client) == .timeWait)
    #expect(pair.state(.server) == .timeWait)
    #expect(pair.receive(.client).isEndOfStream)
    pair.close(.client)
    pair.close(.server)
    pair.runUntilIdle()
    pair.expectQuiet()
  }

  @Test("An abort is a reset at the other end")
  func abort() {
    let pair = Pair()
    pair.connect()
    pair.abort(.client)
    pair.run(for: .seconds(1))
    #expect(pair.receive(.server).error == .ended(.reset))
    #expect(pair.transcript.contains("Flags [R"))
  }

  @Test("What goes wrong is said")
  func failures() {
    withKnownIssue {
      let pair = Pair()
      pair.world.setUp(pair.link, false)
      pair.connect()
    } matching: {
      $0.text.contains("nobody could be accepted") && $0.text.contains("[partitioned]")
    }
    withKnownIssue {
      Pair().send(.client, 5)
    } matching: {
      $0.text.contains("send failed")
    }
    withKnownIssue {
      let pair = Pair()
      pair.connect()
      pair.expectQuiet()
    } matching: {
      $0.text.contains("holds")
    }
  }
}
