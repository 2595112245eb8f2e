import ArgumentParser
import MartletLinks
import MartletTCP

#if os(Linux)
  /// What shards can bring at most: pairs of stacks that share nothing, each on a thread of its own, beside one alone.
  struct Pairs: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "pairs", abstract: "Text over several pairs of stacks at once, and over one alone.")

    @Argument(help: "MTU of the links, 576 to 65,535.") var mtu: Int
    @Argument(help: "Octets to carry over each.") var bytes: Int
    @Option(help: "Pairs at once.") var pairs = 2
    @Option(help: "Of so many rounds the median counts.") var rounds = 5

    func validate() throws {
      guard (576...65_535).contains(mtu), bytes > 0 else {
        throw ValidationError("MTU must be 576 to 65535, BYTES positive")
      }
      guard (1...64).contains(pairs), (1...100).contains(rounds) else {
        throw ValidationError("PAIRS must be 1 to 64, ROUNDS 1 to 100")
      }
    }

    func run() throws {
      var alone: [Double] = []
      var together: [Double] = []
      // In turns: what else the machine does falls on both.
      for _ in 0..<rounds {
        alone.append(try speed(of: 1))
        together.append(try speed(of: pairs))
      }
      let ratios = zip(together, alone).map { $0 / $1 }.sorted()
      var line = ResultLine()
      line.add("pairs", pairs)
      line.add("alone_gbps", alone.sorted()[rounds / 2])
      line.add("together_gbps", together.sorted()[rounds / 2])
      line.add("ratio", ratios[rounds / 2], 3)
      line.add("mtu", mtu)
      line.add("bytes", bytes)
      line.print()
    }

    /// Gbit/s of so many at once, all of them together.
    private func speed(of count: Int) throws -> Double {
      let (mtu, bytes) = (mtu, bytes)
      let watch = Stopwatch()
      let lanes = (0..<count).map { _ in Lane() }
      var threads: [SystemThread] = []
      defer { for thread in threads { thread.join() } }
      for (n, lane) in lanes.enumerated().dropFirst() {
        threads.append(
          try SystemThread(name: "pair-\(n)") { lane.run { _ = try Bulk.carry(bytes, mtu: mtu) } })
      }
      lanes[0].run { _ = try Bulk.carry(bytes, mtu: mtu) }
      for thread in threads { thread.join() }
      threads = []
      let elapsed = watch.stop()
      for lane in lanes { if let error = lane.error { throw error } }
      return Double(count) * Double(bytes) * 8 / elapsed.wall / 1e9
    }

    /// Invariant: used by the thread that runs it, and then by who has waited for its end.
    private final class Lane: @unchecked Sendable {
      private(set) var error: (any Error)?

      func run(_ body: () throws -> Void) {
        do { try body() } catch { self.error = error }
      }
    }
  }
#endif
