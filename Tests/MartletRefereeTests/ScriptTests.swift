import MartletReferee
import Testing

/// The language of scripts, and what needs no kernel.
@Suite("Referee: scripts")
struct ScriptTests {
  @Test("a script reads as it is written, and writes as it was read")
  func reading() throws {
    let text = """
      # a comment
      script one
        start ESTABLISHED active ts sack ws=7
        inject PSH+ACK seq=rcv.nxt+1 ack=snd.una-1 win=0 len=10 urg=3   # another
        wait 300ms; send 10
      script two
        listen
      """
    let scripts = try ScriptParser.scripts(in: text, file: "text")
    #expect(scripts.map(\.name) == ["one", "two"])
    #expect(scripts[0].origin == "text:2")
    let lines = scripts[0].steps.map(\.description)
    #expect(
      lines == [
        "connect", "inject SYN+ACK seq=0 mss=1460 ws=7 sackok ts=0",
        "inject PSH+ACK seq=rcv.nxt+1 ack=snd.una-1 win=0 len=10 urg=3", "wait 300ms", "send 10",
      ])
    let again = try ScriptParser.script("one", lines, origin: "again")
    #expect(again.steps == scripts[0].steps)
  }

  @Test("a family is every combination of its values")
  func families() throws {
    let text = """
      script $a and $b
        each a = FIN | RST
        each b = 1 | 2 | rcv.edge-1
        inject $a seq=$b
      """
    let scripts = try ScriptParser.scripts(in: text, file: "text")
    #expect(scripts.count == 6)
    #expect(scripts[5].name == "RST and rcv.edge-1")
    #expect(scripts[5].steps.map(\.description) == ["inject RST seq=rcv.edge-1"])
  }

  @Test(
    "what is wrong is told with its line",
    arguments: [
      ("script a\n  injekt SYN", "text:2: no verb \"injekt\""),
      ("script a\n\n  inject SYM", "text:3: flags are SYN"),
      ("script a\n  inject SYN seq=x", "text:2: x is no sequence number"),
      ("script a\n  inject SYN len=70000", "text:2: 70000 is no number of 0 to 65535"),
      ("script a\n  start NOWHERE", "text:2: states are CLOSED"),
      ("script a\n  wait long", "text:2: say how long"),
      ("script a\n  each x", "text:2: say \"each NAME = VALUE | VALUE\""),
      ("inject SYN", "text:1: no \"script NAME\" above this"),
      ("script a\n  inject SYN raw=0", "text:2: raw= takes pairs"),
      ("script a\n  set nothing", "text:2: there are: nagle"),
      ("script a\n  close now please", "text:2: more words than"),
    ])
  func errors(text: String, start: String) {
    do throws(ScriptError) {
      _ = try ScriptParser.scripts(in: text, file: "text")
      Issue.record("no error for \(text)")
    } catch {
      #expect(error.description.hasPrefix(start), "\(error)")
    }
  }

  @Test("Martlet alone plays every script of the collection to its end")
  func collection() throws {
    let scripts = try ScriptFiles.scripts(at: ScriptFiles.collection)
    #expect(scripts.count >= 300)
    for script in scripts {
      let steps = MartletPlayer.play(script)
      #expect(steps.count == script.steps.count, "\(script.origin)")
    }
  }

  @Test("each explanation has a name of its own, a source and a reason")
  func explanations() {
    #expect(Set(Explanation.table.map(\.id)).count == Explanation.table.count)
    for explanation in Explanation.table {
      #expect(explanation.source.contains("RFC") && explanation.why.count > 30, "\(explanation.id)")
    }
  }
}
