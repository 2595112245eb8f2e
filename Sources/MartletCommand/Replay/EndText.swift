import MartletSimulator
import MartletTCP
import MartletTrace

/// What both ends are up to, in words.
struct EndText {
  private let language: Language

  init(_ language: Language) { self.language = language }

  var prompt: String { language == .english ? "[Enter: go on] " : "[回车：继续] " }

  /// How it all ended.
  func text(of run: ScenarioRun) -> String {
    guard let last = run.moments.last else { return "" }
    return "\n" + text(of: last, run.ladder)
  }

  /// A line for each end.
  func text(of moment: ScenarioMoment, _ ladder: Ladder) -> String {
    let client = language == .english ? "client" : "客户端"
    let server = language == .english ? "server" : "服务器"
    return line(client, moment.left, moment) + line(server, moment.right, moment)
  }

  private func line(_ name: String, _ end: ScenarioMoment.End, _ moment: ScenarioMoment) -> String {
    guard end.isUp else {
      return name.padded(to: 7) + (language == .english ? "is down" : "已停机") + "\n"
    }
    var text = name.padded(to: 7) + end.state.text(.rfc).padded(to: 13) + end.state.expectation(language)
    if let deadline = end.nextDeadline {
      let wait = deadline.since(moment.time)
      text += language == .english ? "; next timer in " : "；下一个定时器："
      text += wait > .zero ? wait.text : "0 ms"
    }
    return text + "\n"
  }
}
