#if os(Linux)
  /// Plays scripts to both, and judges.
  package struct Court {
    package struct Tally: Sendable {
      package var equal = 0
      package var explained = 0
      package var uses: [String: Int] = [:]
      /// How each explanation was used, how often, and first where.
      package var shapes: [String: (count: Int, origin: String)] = [:]
      package var unexplained: [Hearing] = []
      /// Some step was late whenever they were played.
      package var unheard: [Hearing] = []

      package init() {}
      package var count: Int { equal + explained + unexplained.count + unheard.count }

      package mutating func add(_ other: Tally) {
        equal += other.equal
        explained += other.explained
        uses.merge(other.uses, uniquingKeysWith: +)
        shapes.merge(other.shapes) { ($0.count + $1.count, $0.origin) }
        unexplained += other.unexplained
        unheard += other.unheard
      }
    }

    package let stage: KernelStage
    /// Scripts that are played to the kernel at a time.
    package var atOnce = 500

    package init() throws { stage = try KernelStage() }

    package func judge(_ scripts: [Script]) throws -> Tally {
      var tally = Tally()
      for hearing in try hear(scripts, atOnce: atOnce) { tally.take(hearing) }
      try appeal(&tally)
      return tally
    }

    package func hear(_ scripts: [Script], atOnce: Int) throws -> [Hearing] {
      let kernel = try stage.play(scripts, atOnce: atOnce)
      return zip(scripts, kernel).map {
        Hearing($0, kernel: $1.outcomes, lateness: $1.lateness, martlet: MartletPlayer.play($0))
      }
    }

    /// A machine that is busy makes the kernel late: what differs only then is no difference. Each script is
    /// played again, almost by itself, and counts if it differs three times when no step was late.
    private func appeal(_ tally: inout Tally) throws {
      var doubtful = tally.unexplained.map { (hearing: $0, left: 3) }
      tally.unexplained = []
      for _ in 0..<40 where !doubtful.isEmpty {
        let again = try hear(doubtful.map(\.hearing.script), atOnce: 4)
        var next: [(hearing: Hearing, left: Int)] = []
        for (hearing, left) in zip(again, doubtful.map(\.left)) {
          guard case .unexplained = hearing.verdict() else {
            tally.take(hearing)
            continue
          }
          let left = hearing.isLate ? left : left - 1
          if left > 0 { next.append((hearing, left)) } else { tally.take(hearing) }
        }
        doubtful = next
      }
      tally.unheard += doubtful.map(\.hearing)
    }
  }

  extension Court.Tally {
    mutating func take(_ hearing: Hearing) {
      switch hearing.verdict() {
      case .equal: equal += 1
      case .explained(let ids):
        explained += 1
        for id in ids { uses[id, default: 0] += 1 }
        for shape in hearing.shapes { shapes[shape, default: (0, hearing.script.origin)].count += 1 }
      case .unexplained: unexplained.append(hearing)
      }
    }
  }
#endif
