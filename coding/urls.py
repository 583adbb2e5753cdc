"""Addresses of the room, below /s/<study>/."""

from django.urls import path

from coding.views import codebook, matrices, memos, workspace

app_name = "coding"
urlpatterns = [
    path("coding/", workspace.documents, name="documents"),
    path("coding/texts/<uuid:pk>/", workspace.workspace, name="workspace"),
    path("coding/texts/<uuid:pk>/codings/", workspace.codings, name="codings"),
    path("coding/texts/<uuid:pk>/apply/", workspace.apply, name="apply"),
    path("coding/texts/<uuid:pk>/create/", workspace.create_and_apply, name="create_and_apply"),
    path("coding/texts/<uuid:pk>/remove/", workspace.remove, name="remove"),
    path("coding/texts/<uuid:pk>/recode/", workspace.recode, name="recode"),
    path("coding/texts/<uuid:pk>/resize/", workspace.resize, name="resize"),
    path("coding/texts/<uuid:pk>/undo/", workspace.undo, name="undo"),
    path("coding/texts/<uuid:pk>/redo/", workspace.redo, name="redo"),
    path("coding/texts/<uuid:pk>/memo/", workspace.memo, name="memo_on_text"),
    path("coding/codebook/", codebook.tree, name="codebook"),
    path("coding/codebook/add/", codebook.add, name="code_add"),
    path("coding/codebook/undo/", codebook.undo, name="codebook_undo"),
    path("coding/codebook/redo/", codebook.redo, name="codebook_redo"),
    path("coding/codes/<uuid:pk>/", codebook.code, name="code"),
    path("coding/codes/<uuid:pk>/edit/", codebook.edit, name="code_edit"),
    path("coding/codes/<uuid:pk>/move/", codebook.move, name="code_move"),
    path("coding/codes/<uuid:pk>/merge/", codebook.merge, name="code_merge"),
    path("coding/codes/<uuid:pk>/remove/", codebook.retire, name="code_retire"),
    path("coding/codes/<uuid:pk>/history/", codebook.history, name="code_history"),
    path("coding/codes/<uuid:pk>/export/", codebook.export, name="quotes_export"),
    path("coding/memos/", memos.listed, name="memos"),
    path("coding/memos/<uuid:pk>/", memos.one, name="memo"),
    path("coding/memos/<uuid:pk>/delete/", memos.delete, name="memo_delete"),
    path("matrices/", matrices.listed, name="matrices"),
    path("matrices/add/", matrices.create, name="matrix_add"),
    path("matrices/cases/add/", matrices.add_case, name="case_add"),
    path("matrices/<uuid:pk>/", matrices.matrix, name="matrix"),
    path("matrices/<uuid:pk>/export/", matrices.export, name="matrix_export"),
    path("matrices/cells/<uuid:case>/<uuid:column>/", matrices.cell, name="cell"),
    path("matrices/cells/<uuid:case>/<uuid:column>/quote/", matrices.quote, name="cell_quote"),
    path("matrices/cells/<uuid:case>/<uuid:column>/draft/", matrices.draft, name="cell_draft"),
    path("matrices/cells/<uuid:case>/<uuid:column>/restore/", matrices.restore, name="cell_restore"),
]
