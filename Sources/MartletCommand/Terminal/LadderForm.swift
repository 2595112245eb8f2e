import ArgumentParser
import MartletTrace

/// In which form a ladder is drawn.
enum LadderForm: String, EnumerableFlag {
  case text, svg, html, mermaid

  static func help(for form: LadderForm) -> ArgumentHelp? {
    switch form {
    case .text: "As text, for a terminal (default)."
    case .svg: "As a picture."
    case .html: "As a page of its own."
    case .mermaid: "As a sequence diagram for Mermaid."
    }
  }

  /// A ladder and how it is to look.
  struct Drawing {
    private let ladder: Ladder
    private let style: LadderStyle
    private let title: String

    init(_ ladder: Ladder, _ style: LadderStyle, title: String) {
      self.ladder = ladder
      self.style = style
      self.title = title
    }

    func text(as form: LadderForm) -> String {
      switch form {
      case .text: ladder.text(style)
      case .svg: ladder.svg(style, title: title)
      case .html: ladder.html(style, title: title)
      case .mermaid: ladder.mermaid(style, title: title)
      }
    }
  }
}
