import Foundation
import MartletSimulator
import MartletStack
import MartletTCP
import Testing

/// A thousand seeds: 256 KiB each way over links that lose up to 30 %, duplicate, reorder and corrupt,
/// in every order of closing; every octet right, and nothing left afterwards.
///
/// `MARTLET_SEED=n` runs that seed alone; `MARTLET_SEEDS=n` runs so many. Without optimisation: sixty.
@Suite struct SwarmTests {
  static let only = ProcessInfo.processInfo.environment["MARTLET_SEED"].flatMap { UInt64($0) }
  static let count = ProcessInfo.processInfo.environment["MARTLET_SEEDS"].flatMap { UInt64($0) } ?? usualCount
  static let groups = seedGroups()

  /// Without optimisation a seed takes sixty times as long.
  private static var usualCount: UInt64 {
    #if DEBUG
      60
    #else
      1_000
    #endif
  }

  /// Twenty groups, which run side by side.
  static func seedGroups() -> [Range<UInt64>] {
    if let only { return [only..<only + 1] }
    let size = max(count / 20, 1)
    return (0..<20).map { (group: UInt64) -> Range<UInt64> in group * size..<(group + 1) * size }
  }

  @Test("Whatever the link does, every byte arrives or the connection says why it ended", arguments: groups)
  func swarm(_ seeds: Range<UInt64>) {
    var complete = 0
    for seed in seeds {
      let run = SwarmRun(seed: seed)
      if run.isComplete { complete += 1 }
      if !run.problems.isEmpty { Issue.record("\(run.report)") }
    }
    // Even where a connection may fail, it seldom should.
    if seeds.count >= 20 {
      #expect(complete * 10 >= seeds.count * 8, "\(complete) of \(seeds.count) completed")
    }
  }

  @Test("S6.1 the same seed gives the same packets, another seed others")
  func determinism() {
    for seed: UInt64 in [1, 17, 404] {
      let first = SwarmRun(seed: seed)
      let second = SwarmRun(seed: seed)
      #expect(first.packetHash == second.packetHash)
      #expect(first.packets == second.packets)
      #expect(SwarmRun(seed: seed + 1).packetHash != first.packetHash)
    }
  }
}
