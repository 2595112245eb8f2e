import MartletSimulator
import Testing

/// A slice of what `Tools/swarm --pairs` plays, and whether it would find anything.
@Suite("Whoever is not part of a connection learns nothing about it")
struct InterferenceTests {
  /// Without optimisation a pair takes sixty times as long.
  private static var count: UInt64 {
    #if DEBUG
      8
    #else
      150
    #endif
  }

  @Test(
    "S5.1 O8 two runs that differ in a secret of one connection are the same to another",
    arguments: VictimSecret.allCases)
  func slice(secret: VictimSecret) {
    // Each seed draws its family.
    var seen = 0
    var toVictim = 0
    for seed in 0..<Self.count {
      let verdict = InterferencePair(seed: seed, secret).played()
      seen += verdict.seen
      toVictim += verdict.toVictim
      if let difference = verdict.difference {
        Issue.record("pair \(seed), \(secret.text): \(difference.text)")
      }
    }
    // It is not by silence that they are the same.
    #expect(seen > 50 * Int(Self.count), "\(seen)")
    #expect(toVictim > 20 * Int(Self.count), "\(toVictim)")
  }

  @Test("S5.1 the order of timers that share a tick", arguments: [11_648] as [UInt64])
  func found(seed: UInt64) {
    // Of the family that it draws.
    if let difference = InterferencePair(seed: seed).played().difference {
      Issue.record("\(difference.text)")
    }
  }

  /// Each leak with the secrets that it tells: nothing but memory that is not cleared tells octets.
  static var leaks: [(PlantedLeak, VictimSecret)] {
    var leaks: [(PlantedLeak, VictimSecret)] = VictimSecret.allCases.map { (.remembersOctets, $0) }
    for secret in VictimSecret.allCases where secret != .octets {
      leaks += [(.countsPackets, secret), (.hesitates, secret), (.limitsAnswers, secret)]
    }
    return leaks
  }

  @Test("A host that leaks on purpose is found out", arguments: leaks)
  func planted(leak: PlantedLeak, secret: VictimSecret) {
    for seed in 0..<100 as Range<UInt64> {
      var pair = InterferencePair(seed: seed, secret)
      pair.leak = leak
      if pair.played().difference != nil { return }
    }
    Issue.record("not found")
  }

  @Test("S6.1 a pair goes the same way each time")
  func determinism() {
    // Of the family that the seed draws.
    var pair = InterferencePair(seed: 5, .presence)
    pair.leak = .countsPackets
    let first = pair.played()
    let second = pair.played()
    #expect(first.seen == second.seen && first.toVictim == second.toVictim)
    #expect(first.difference?.text == second.difference?.text)
  }
}
