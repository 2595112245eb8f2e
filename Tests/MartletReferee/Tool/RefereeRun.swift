#if os(Linux)
  /// Does what the command was asked for.
  struct RefereeRun {
    /// Random scripts that are made, played and judged together.
    private static let batch = 2_000
    /// So many differences are enough for one day.
    private static let mostShown = 200

    private let request: RefereeRequest
    private var court: Court
    private var tally = Court.Tally()
    private var played = 0

    init(_ request: RefereeRequest) throws {
      self.request = request
      court = try Court()
      court.atOnce = request.atOnce
    }

    /// True: every difference is explained.
    mutating func run() throws -> Bool {
      let began = KernelStage.now
      let scripts = try request.paths.flatMap { try ScriptFiles.scripts(at: $0) }
      if request.showsAll {
        for hearing in try court.hear(scripts, atOnce: request.atOnce) { print(hearing.text + "\n") }
      }
      if request.plantsFaults { return try plantFaults(in: scripts) }
      take(try court.judge(scripts), isRandom: false)
      try playRandom(since: began)
      summarise(since: began)
      return tally.unexplained.isEmpty
    }

    /// True: each was seen.
    private func plantFaults(in scripts: [Script]) throws -> Bool {
      var faults = FaultTally()
      let random = (0..<UInt64(request.count)).map { RandomScript.script(seed: request.seed &+ $0) }
      for hearing in try court.hear(scripts + random, atOnce: request.atOnce) { faults.plant(in: hearing) }
      for (id, excused) in faults.excused.sorted(by: { $0.value.count > $1.value.count }) {
        print("\(excused.count) × \(id)")
        for fault in excused.prefix(request.isBrief ? 0 : 12) { print("      \(fault)") }
      }
      print(
        "\(faults.planted) planted, \(faults.found) found, \(faults.excusedCount) excused; "
          + "\(faults.equal) more came out as the kernel's answer")
      return faults.excusedCount == 0
    }

    private mutating func playRandom(since began: UInt64) throws {
      var next: UInt64 = 0
      while tally.unexplained.count < Self.mostShown {
        let left = request.count - Int(next)
        let isInTime =
          request.seconds > 0 && KernelStage.now - began < UInt64(request.seconds) * 1_000_000_000
        guard left > 0 || isInTime else { return }
        let count = left > 0 ? min(left, Self.batch) : Self.batch
        // A namespace that has seen many thousand connections grows slow.
        if next % 20_000 == 0, next > 0 {
          court = try Court()
          court.atOnce = request.atOnce
        }
        let scripts = (0..<UInt64(count)).map { RandomScript.script(seed: request.seed &+ next &+ $0) }
        next += UInt64(count)
        take(try court.judge(scripts), isRandom: true)
        if next % 10_000 < UInt64(count) { summarise(since: began) }
      }
    }

    private mutating func take(_ new: Court.Tally, isRandom: Bool) {
      played += new.count
      for hearing in new.unexplained {
        let shrunk = isRandom ? (try? Shrinker(court: court).shrink(hearing)) ?? hearing : hearing
        show(shrunk)
      }
      tally.add(new)
    }

    private func show(_ hearing: Hearing) {
      if request.isBrief, case .unexplained(let difference) = hearing.verdict() {
        print(difference.text)
        if difference.script.origin.hasPrefix("seed") {
          print("   " + hearing.script.lines.joined(separator: "; "))
        }
      } else {
        print(hearing.text + "\n")
      }
    }

    private func summarise(since began: UInt64) {
      let milliseconds = Int((KernelStage.now - began) / 1_000_000)
      print(
        "\(played) scripts: \(tally.equal) equal, \(tally.explained) explained, "
          + "\(tally.unexplained.count) unexplained"
          + (tally.unheard.isEmpty ? "; " : ", \(tally.unheard.count) not heard; ")
          + "\(milliseconds / 1_000).\(milliseconds % 1_000 / 100) s, "
          + "\(played * 1_000 / max(milliseconds, 1)) scripts/s")
      guard request.showsUses else { return }
      for explanation in Explanation.table {
        print("   \(tally.uses[explanation.id] ?? 0) × \(explanation.id) (\(explanation.source))")
        let prefix = explanation.id + ": "
        let shapes = tally.shapes.filter { $0.key.hasPrefix(prefix) }.sorted {
          $0.value.count > $1.value.count
        }
        for (shape, use) in shapes {
          print("        \(use.count) × \(shape.dropFirst(prefix.count)) (\(use.origin))")
        }
      }
    }
  }
#endif
