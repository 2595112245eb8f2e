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
