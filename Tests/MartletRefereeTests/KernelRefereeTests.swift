#if os(Linux)
  import MartletLinks
  import MartletReferee
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// The hand-written scripts and some random ones, before the kernel. `Tools/referee` plays more.
  @Suite(
    "Referee: the kernel", .enabled("\(Courtroom.obstacle ?? "")") { Courtroom.obstacle == nil }, .serialized)
  struct KernelRefereeTests {
    @Test(
      "what differs from the kernel in the hand-written scripts is explained, and each explanation is needed")
    func collection() throws {
      let tally = try Court().judge(try ScriptFiles.scripts(at: ScriptFiles.collection))
      for hearing in tally.unexplained { Issue.record("\(hearing.text)") }
      #expect(tally.count >= 300)
      #expect(tally.equal > tally.count / 2)
      // Timers of a few milliseconds differ as the machine pleases; everything else is needed each time.
      let unused = Explanation.table.filter { tally.uses[$0.id] == nil && !$0.isTimed }
      #expect(unused.isEmpty, "never used: \(unused.map(\.id).joined(separator: "; "))")
    }

    @Test("random scripts of a fixed seed differ in nothing that is not explained")
    func random() throws {
      let tally = try Court().judge((1...400).map { RandomScript.script(seed: $0) })
      for hearing in tally.unexplained { Issue.record("\(hearing.text)") }
      #expect(tally.count == 400)
    }

    @Test("mistakes that Martlet has not made are called unexplained, nearly all of them")
    func plantedFaults() throws {
      var faults = FaultTally()
      let scripts = try ScriptFiles.scripts(at: ScriptFiles.collection)
      for hearing in try Court().hear(scripts, atOnce: 500) {
        faults.plant(in: hearing)
      }
      #expect(faults.planted > 20_000)
      // In what is told wrong there may be another thing that is explained; see Documentation/Verification.md.
      #expect(faults.excusedCount * 100 < faults.planted, "\(faults.excusedCount) of \(faults.planted)")
    }

    @Test(
      "a mistake that matters is called unexplained",
      arguments: [
        ("inject RST seq=rcv.nxt+1", PlantedFault.resetsInstead), ("inject FIN+ACK", .silence),
        ("inject PSH+ACK len=10", .shutWindow), ("inject PSH+ACK seq=rcv.nxt-1 len=10", .acknowledgesLess),
        ("send 10", .lessText), ("close", .noFinish), ("inject FIN+ACK", .staysInState),
      ])
    func plantedFault(event: String, fault: PlantedFault) throws {
      let script = try ScriptParser.script("text", ["start ESTABLISHED", event], origin: "text")
      let hearing = try Court().hear([script], atOnce: 1)[0]
      guard case .equal = hearing.verdict() else {
        Issue.record("a difference: \(hearing.text)")
        return
      }
      let faulty = try #require(hearing.with(fault, at: hearing.martlet.count - 1))
      guard case .unexplained = faulty.verdict() else {
        Issue.record("excused: \(faulty.text)")
        return
      }
    }

    @Test("a difference that nobody explains is found")
    func unexplained() throws {
      let text = """
        script a reset after the peer's FIN, one too low
          start CLOSE-WAIT
          inject RST seq=rcv.nxt-1
        """
      let scripts = try ScriptParser.scripts(in: text, file: "text")
      let hearing = try Court().hear(scripts, atOnce: 1)[0]
      guard case .unexplained(let difference) = hearing.verdict([]) else {
        Issue.record("no difference: \(hearing.text)")
        return
      }
      #expect(difference.state == "CLOSE-WAIT")
      #expect(difference.kernel.state == "over" && difference.martlet.state == "CLOSE-WAIT")
    }
  }

  enum Courtroom {
    /// Nil when scripts can be played to the kernel; else why not.
    static let obstacle: String? = {
      guard geteuid() == 0 else { return "the referee needs root" }
      guard access("/dev/net/tun", R_OK | W_OK) == 0 else { return "the referee needs /dev/net/tun" }
      do {
        _ = try Court()
        return nil
      } catch {
        return "the referee cannot begin: \(error)"
      }
    }()
  }
#endif
