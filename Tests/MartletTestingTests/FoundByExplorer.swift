import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// What the explorer found, each with the way there that it drew.
@Suite struct FoundByExplorer {
  @Test("RFC6298-5.3-a a time-out that an acknowledgment makes shorter is not slept through")
  func shorterTimeout() {
    let pair = Pair()
    // The SYN comes again after 1 s, so the first time-out is 3 s ((5.7)); the text's acknowledgment brings the
    // first round trip, and with it one of 200 ms and a round trip, while the FIN is out.
    pair.drop(1, from: .client)
    pair.connect()
    pair.drop(1, from: .client) { $0.flags.contains(.fin) }
    pair.send(.client, 1)
    pair.shutdown(.client)
    pair.run(for: .milliseconds(100))
    #expect(pair.state(.client) == .finWait1)
    pair.run(for: .milliseconds(900))
    #expect(pair.state(.client) == .finWait2, "the FIN has come again\(pair.transcript)")
  }
}
