"""The words of a first card: questions to begin with, and the comments beside its keys, in both languages."""

QUESTIONS = {
    "en": {
        "sentiment": "What is the sentiment of this text?",
        "emotion": "What does the author of this text feel?",
        "intent": "What does the user want?",
        "topic": "What is this text about?",
        "pair": "How do these two texts relate?",
        "multi_label": "Which of these apply to this text?",
        "multiple_choice": "Which option fits the text?",
        "": "Which of these fits this text best?",
    },
    "zh": {
        "sentiment": "这段文字的情感是什么？",
        "emotion": "写这段文字的人心情如何？",
        "intent": "用户想做什么？",
        "topic": "这段文字讲的是什么？",
        "pair": "这两段文字是什么关系？",
        "multi_label": "下面哪些适用于这段文字？",
        "multiple_choice": "哪个选项符合这段文字？",
        "": "这段文字属于哪一类？",
    },
}
FAMILIES = {
    "sentiment": ("sentiment", "rating", "stars", "情感", "态度", "评分", "星级", "评级"),
    "emotion": ("emotion", "情绪"),
    "intent": ("intent", "意图"),
    "topic": ("topic", "主题", "话题"),
}
WORDS = {
    "en": {
        "head": "A first card for {file} ({rows:,} rows). Lines marked EDIT want your judgement; docs/tasks.md says "
        "what each key means.",
        "licence": "EDIT: the licence of the rows",
        "files": "split: file, as seen from this card's folder",
        "question": "EDIT: what would you ask a person who has only the text before them?",
        "values": "EDIT the words on the right, which the model reads; on the left stands the value in the file",
        "numbers": "EDIT: the labels are numbers; write on the right what each of them means",
        "count": "rows: {count:,}",
        "no_labels": "no column of the file holds labels; this is where they would be",
        "fill": "EDIT: write your own options here, one a line (name: words), as many as you need",
        "option": "EDIT: option {number}",
        "skip": "rows left out: {count:,}, which have nothing there",
        "no_answer": "answer: {column: answer, is: letter}   # EDIT: no column says which option is right",
        "answer": "EDIT: these readings fit all rows: {rules}",
    },
    "zh": {
        "head": "{file}（{rows:,} 行）的初稿。标有 EDIT 的行请你斟酌；各个键的含义见 docs/tasks.zh.md。",
        "licence": "EDIT：数据的许可证",
        "files": "划分: 文件（相对于本卡片所在的文件夹）",
        "question": "EDIT：如果对方只看得到这段文字，你会怎样问？",
        "values": "EDIT：右边的措辞是模型读到的，请修改；左边是文件里的值",
        "numbers": "EDIT：标签是数字，请在右边写明每个数字的意思",
        "count": "行数：{count:,}",
        "no_labels": "文件里没有标签列；若有，就写它的列名",
        "fill": "EDIT：请在这里写上你的选项，每行一个（名称: 措辞），数量不限",
        "option": "EDIT：选项{number}",
        "skip": "略去 {count:,} 行：此处为空",
        "no_answer": "answer: {column: 答案, is: letter}   # EDIT：没有哪一列说明哪个选项正确",
        "answer": "EDIT：下列读法都符合全部行：{rules}",
    },
}
