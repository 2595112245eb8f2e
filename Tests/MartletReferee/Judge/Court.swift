#if os(Linux)
  /// Plays scripts to both, and judges.
  package struct Court {
    package struct Tally: Sendable {
      package var equal = 0
      package var explained = 0
      package var uses: [String: Int] = [:]
      package var unexplained: [Hearing] = []

      package init() {}
      package var count: Int { equal + explained + unexplained.count }

      package mutating func add(_ other: Tally) {
        equal += other.equal
        explained += other.explained
        uses.merge(other.uses, uniquingKeysWith: +)
        unexplained += other.unexplained
      }
    }

    package let stage: KernelStage
    /// Scripts that are played to the kernel at a time.
    package var atOnce = 500

    package init() throws { stage = try KernelStage() }

    package func judge(_ scripts: [Script]) throws -> Tally {
      var tally = Tally()
      let hearings = try hear(scripts, atOnce: atOnce)
      for hearing in hearings {
        switch hearing.verdict() {
        case .equal: tally.equal += 1
        case .explained(let ids):
          tally.explained += 1
          for id in ids { tally.uses[id, default: 0] += 1 }
        case .unexplained: tally.unexplained.append(hearing)
        }
      }
      try appeal(&tally)
      return tally
    }

    package func hear(_ scripts: [Script], atOnce: Int) throws -> [Hearing] {
      let kernel = try stage.play(scripts, atOnce: atOnce)
      return zip(scripts, kernel).map { Hearing($0, kernel: $1, martlet: MartletPlayer.play($0)) }
    }

    /// A machine that is busy makes the kernel late: what differs only then is no difference. Each script is
    /// played again by itself, three times, and counts if it differs each time.
    private func appeal(_ tally: inout Tally) throws {
      let doubtful = tally.unexplained
      tally.unexplained = []
      for hearing in doubtful {
        if let upheld = try again(hearing, &tally) { tally.unexplained.append(upheld) }
      }
    }

    private func again(_ hearing: Hearing, _ tally: inout Tally) throws -> Hearing? {
      var last = hearing
      for _ in 0..<3 {
        last = try hear([hearing.script], atOnce: 1)[0]
        switch last.verdict() {
        case .unexplained: continue
        case .equal: tally.equal += 1
        case .explained(let ids):
          tally.explained += 1
          for id in ids { tally.uses[id, default: 0] += 1 }
        }
        return nil
      }
      return last
    }
  }
#endif
