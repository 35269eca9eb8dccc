"""The newcomer's demo: real images through the whole pipeline, told as a table and as a page.

Data walks one way, and each module has one job:

    samples.py     what is uploaded, and what must come of it
    upload.py      puts, overwrites and deletes the objects
    catalog.py     reads the pipeline's answers: catalog rows and dead letters
    evidence.py    reads back what was really made: thumbnails, alerts
    outcome.py     sample and answer side by side, and what is wrong with them
    console.py     progress and tables for a terminal
    report.py      the same for a browser: one self-contained page, from report.html.j2
    preview.py     any image → a small one that every browser shows
    run.py         all of it, in order
"""
